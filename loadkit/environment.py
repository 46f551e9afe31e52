"""Settings, as environment variables, of a server that one machine puts all its load on."""

UNLIMITED = "1000000000"
# All the load comes from one address, and each buyer asks as fast as it is answered.
NO_RATE_LIMITS = {
    "JOINS_PER_ADDRESS": UNLIMITED,
    "LOG_INS_PER_ADDRESS": UNLIMITED,
    "POLLS_PER_ADDRESS": UNLIMITED,
    "REQUESTS_PER_USER": UNLIMITED,
}
LOCAL = {"HTTPS": "0", "SECRET_KEY": "only-for-load-on-this-machine-and-nowhere-else"}
