"""The use cases of buying, a module each: holds, checkout, cancellations, check_ins."""
