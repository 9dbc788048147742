"""Many machines: equal workers on one PostgreSQL database, and an inbox that any process can write.

`Worker` is a `ChatClient` that shares the chats of a database with other workers: each chat has one owner at a time,
and when a worker dies, the others take its chats over within seconds. `Inbox` sends for any customer from any process,
and reads updates with cursors of its own. See README.md beside this file. Needs the extras `http` and `postgres`.
"""

from .inbox import Inbox
from .lease import Lease
from .stats import ClusterStats
from .worker import Worker

__all__ = ["ClusterStats", "Inbox", "Lease", "Worker"]
