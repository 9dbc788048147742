from statemachine import Send
from statemachine.wire import PartyJoined

Send(at=1, entry=PartyJoined("p"))  # wrong: only the server says who joins
