"""Who may talk to the gateway: edges by certificate, staff by account, residents by a link."""
