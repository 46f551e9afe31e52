from django.urls import path

from operations.console import (
    board,
    board_acts,
    passkeys,
    people,
    person_acts,
    reports,
    seat_acts,
    seat_plan,
    seats,
    show_acts,
    shows,
)
from operations.console.rehearsal import rehearsal
from operations.console.today import today

app_name = "console"

urlpatterns = [
    path("", today, name="today"),
    path("find/", people.search, name="find"),
    path("people/<any_case_uuid:user_id>/", people.person, name="person"),
    path(
        "people/<any_case_uuid:user_id>/<slug:act>/",
        person_acts.act_on_person,
        name="person_act",
    ),
    path("board/", board.all_rooms, name="board"),
    path("board/data/", board.all_rooms_data, name="board_data"),
    path("board/<int:room_id>/", board.one_room, name="board_room"),
    path("board/<int:room_id>/data/", board.one_room_data, name="board_room_data"),
    path("board/<int:room_id>/<slug:act>/", board_acts.act_on_room, name="board_act"),
    path(
        "board/dates/<any_case_uuid:schedule_id>/stop/",
        board_acts.stop_sale_of_date,
        name="stop_sale",
    ),
    path("passkeys/", passkeys.list_passkeys, name="passkeys"),
    path("seats/<any_case_uuid:schedule_id>/", seats.seats, name="seats"),
    path("seats/<any_case_uuid:schedule_id>/<int:number>/", seats.seat, name="seat"),
    path("seats/<any_case_uuid:schedule_id>/plan/", seat_plan.import_plan, name="seat_plan"),
    path("seats/<any_case_uuid:schedule_id>/plan.csv", seat_plan.plan_csv, name="seat_plan_csv"),
    path("seats/<any_case_uuid:schedule_id>/<slug:act>/", seat_acts.act_on_seats, name="seats_act"),
    path("rehearsal/", rehearsal, name="rehearsal"),
    path("reports/", reports.all_reports, name="reports"),
    path("reports/<slug:name>/", reports.one_report, name="report"),
    path("shows/", shows.show_list, name="shows"),
    path("shows/new/", shows.new_show, name="new_show"),
    path("shows/<any_case_uuid:concert_id>/", shows.show_page, name="show"),
    path("shows/<any_case_uuid:concert_id>/preview/", shows.preview, name="show_preview"),
    path("shows/<any_case_uuid:concert_id>/publish/", show_acts.publish, name="publish_show"),
    path("shows/<any_case_uuid:concert_id>/draft/", show_acts.back_to_draft, name="take_back"),
    path(
        "shows/<any_case_uuid:concert_id>/<any_case_uuid:schedule_id>/copy/",
        show_acts.add_dates,
        name="add_dates",
    ),
    path(
        "shows/<any_case_uuid:concert_id>/<any_case_uuid:schedule_id>/move/",
        show_acts.move,
        name="move_date",
    ),
]
