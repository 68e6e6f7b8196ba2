"""The store: one port (`port.py`), its words (`model.py`), one folder a backend."""
