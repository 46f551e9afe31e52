from django.urls import path

from accounts import api

urlpatterns = [
    path("auth/signup/", api.SignUp.as_view()),
    path("auth/login/", api.LogIn.as_view()),
    path("auth/refresh/", api.Refresh.as_view()),
    path("auth/logout/", api.LogOut.as_view()),
    path("me/", api.Me.as_view()),
    path("me/email-changes/", api.EmailChanges.as_view()),
    path("me/balance/", api.MyBalance.as_view()),
    path("me/balance/charges/", api.Charges.as_view()),
    path("me/balance/history/", api.BalanceHistoryList.as_view()),
]
