"""``make faults``: break one thing at a time under load, then see whether anything was lost.

system.py runs real processes, clients.py plays a seeded crowd that writes down every request and
answer (history.py), nemesis.py has the faults, and checker.py sets the history against what the
database holds in the end (truth.py).
"""
