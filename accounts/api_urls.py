from django.urls import path

from accounts import account_api, api

urlpatterns = [
    path("auth/signup/", api.SignUp.as_view()),
    path("auth/login/", api.LogIn.as_view()),
    path("auth/refresh/", api.Refresh.as_view()),
    path("auth/logout/", api.LogOut.as_view()),
    path("me/", api.Me.as_view()),
    path("me/email-changes/", api.EmailChanges.as_view()),
    path("me/devices/", account_api.Devices.as_view()),
    path("me/devices/end-others/", account_api.OtherDevicesEnding.as_view()),
    path("me/devices/<any_case_uuid:device_id>/", account_api.Device.as_view()),
    path("me/data-copies/", account_api.DataCopies.as_view()),
    path("me/data-copies/<any_case_uuid:copy_id>/data.zip", account_api.DataCopyFile.as_view()),
    path("me/deletion/", account_api.Deletion.as_view()),
    path("me/balance/", api.MyBalance.as_view()),
    path("me/balance/charges/", api.Charges.as_view()),
    path("me/balance/history/", api.BalanceHistoryList.as_view()),
]
