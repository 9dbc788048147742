from statemachine import Batch, new_session, reduce

reduce(new_session(at=0), Batch(()))  # wrong: an answer names its command
