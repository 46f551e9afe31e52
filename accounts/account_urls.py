"""All account pages. Those of allauth's URLs that are not listed here are not served."""

from allauth.account import views as allauth_views
from django.urls import path

from accounts import account_views as views
from accounts import data_views, device_views, notice_views, second_factor_views

urlpatterns = [
    path("", views.account, name="account"),
    path("login/", allauth_views.login, name="account_login"),
    path("logout/", allauth_views.logout, name="account_logout"),
    path("signup/", views.sign_up, name="account_signup"),
    path("name/", views.change_name, name="account_change_name"),
    path("notices/", notice_views.notice_settings, name="account_notices"),
    path("notices/off/<str:key>/", notice_views.switch_off, name="account_switch_off_notice"),
    path("address/", views.change_email, name="account_change_email"),
    path("address/link/", views.send_proof, name="account_send_proof"),
    path("address/confirm/<str:key>/", views.prove_email, name="account_prove_email"),
    path("address/own/<str:key>/", views.claim_email, name="account_claim_email"),
    path("password/change/", allauth_views.password_change, name="account_change_password"),
    path("password/reset/", views.reset_password, name="account_reset_password"),
    path("password/reset/done/", views.reset_password_done, name="account_reset_password_done"),
    path("data/", data_views.my_data, name="account_data"),
    path("data/<any_case_uuid:copy_id>/", data_views.download_copy, name="account_download_copy"),
    path("delete/", data_views.delete_account, name="account_delete"),
    path("confirm/", second_factor_views.confirm, name="account_confirm"),
    path("devices/", device_views.device_list, name="account_devices"),
    path("devices/end/", device_views.end_other_devices, name="account_end_other_devices"),
    path(
        "devices/<any_case_uuid:public_id>/end/",
        device_views.end_device,
        name="account_end_device",
    ),
    path(
        "password/reset/key/<str:key>/",
        views.reset_password_from_key,
        name="account_reset_password_from_key",
    ),
]
