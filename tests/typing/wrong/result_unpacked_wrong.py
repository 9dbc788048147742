from statemachine import Session, Tick, new_session, reduce

session: Session = reduce(new_session(at=0), Tick(at=1))  # wrong: two values come back
