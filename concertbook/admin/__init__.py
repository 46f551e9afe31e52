"""What all pages of the admin share, and no app: base classes, columns, versions of forms."""
