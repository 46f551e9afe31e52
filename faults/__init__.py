"""``make faults``: break one thing at a time under load, then see whether anything was lost.

system.py runs real processes, buyers.py sends a seeded load whose every request and answer is
recorded (operations/load), nemesis.py has the faults, and checker.py sets the record against what
the database holds in the end (truth.py).
"""
