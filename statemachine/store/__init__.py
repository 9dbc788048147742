"""Stores for sessions, their journals and the application's cursors.

`memory` lasts as long as the process; `sqlite` is the durable default. Both implement `adapters.protocols.Archive`.
Nothing is imported here.
"""
