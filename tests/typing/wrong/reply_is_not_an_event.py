from statemachine import EventBatch, new_session, reduce

reduce(new_session(at=0), EventBatch(()))  # wrong: an answer names its command
