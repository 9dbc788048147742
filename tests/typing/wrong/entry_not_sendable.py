from statemachine import SendEntry
from statemachine.wire import PartyJoined

SendEntry(at=1, entry=PartyJoined("p"))  # wrong: only the server says who joins
