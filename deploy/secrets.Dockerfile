# Makes every password once, each readable by the one service that needs it.
FROM eclipse-mosquitto:2.0.22
COPY deploy/make-secrets.sh /make-secrets.sh
ENTRYPOINT ["/bin/sh", "/make-secrets.sh"]
