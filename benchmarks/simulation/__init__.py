"""A million buyers on the real line, in one process and on a clock of its own.

simulation.py plays them second by second, buyers.py is what each of them wants, gate_load.py lets
them speak to the line, recorder.py counts broken guarantees, and clock.py lets hours pass.
"""
