"""Included by concertbook/urls.py in the demo only."""

from django.urls import path

from accounts import inbox_views as views

urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("<uuid:mail_id>/", views.mail, name="inbox_mail"),
    path("<uuid:mail_id>/html/", views.mail_html, name="inbox_mail_html"),
    path("<uuid:mail_id>/<int:number>/", views.attachment, name="inbox_attachment"),
]
