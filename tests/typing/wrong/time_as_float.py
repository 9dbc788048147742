import time

from statemachine import Tick

Tick(at=time.time())  # wrong: integer milliseconds
