"""What a cache may keep: nothing, unless a view says that its answer is for everybody."""

from django.views.decorators.cache import cache_control

# Said of every answer that says nothing else, by Django (concertbook.middleware) and fast path.
NO_STORE = "no-store"

# Decorates a view whose answer is the same for every visitor. A cache asks before each use.
for_everybody = cache_control(public=True, no_cache=True)
