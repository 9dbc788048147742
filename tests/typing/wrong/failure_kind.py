from statemachine import Failure

Failure("timed out")  # wrong: not a kind of failure
