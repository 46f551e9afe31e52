"""The fast path of the sale: hold seats and pay, for requests with a valid access token.

Answers requests that are well formed, refusals included; Django answers what is malformed.
0. A hold of a seat that the snapshot shows as taken is counted and refused (early_refusals).
1. A group commit does the requests of many users in one transaction.
2. One that succeeds is answered, and asks Redis nothing: seats and money limit it.
3. Every other one is counted (concertbook.http.requests_per_user), except for sessions that are
   over: a stolen token does not use up the limit.
4. One that must wait for a lock (Retry) runs again alone.
5. A refusal is answered.
"""

import re

from concertbook.http.fast_path import Route
from concertbook.http.ids import UUID
from payments.fast_path.hold import hold
from payments.fast_path.pay import pay

ROUTES: list[Route] = [
    ("POST", re.compile(f"/api/v1/schedules/({UUID})/reservations/"), hold),
    ("POST", re.compile("/api/v1/payments/"), pay),
]
