"""A rehearsal of a sale: many buyers at once, over HTTP, against the running server.

operations/load creates the sale and sends the requests; buyers.py is what the buyers do, report.py
what came of it, and ending.py ends it and reverses its entries in the books.
"""
