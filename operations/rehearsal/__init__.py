"""A rehearsal of a sale: many buyers at once, over HTTP, against the running server.

stage.py sets it up, client.py is one buyer's telephone, buyers.py what the buyers do, report.py
what came of it, and ending.py ends it and reverses its entries in the books.
"""
