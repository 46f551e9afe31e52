"""The season of the sample data: twelve shows, and what has happened to each by then.

All names are invented. Days count from the day of the load.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from concerts.models import Seat, ShowColour
from concerts.services.seat_generation import Block

# By it and its slug a show has the same id, and so the same poster, in every demo.
SEASON = uuid.UUID("00000000-0000-4000-8000-000000007220")


@dataclass(frozen=True)
class Show:
    """A sample concert. ``slug`` is its waiting room's.

    The sale opens in ``opens_in_days`` at 20:00, or in ``opens_in_minutes``; at once without both.
    ``kinds`` has the labels of seats that are not standard.
    ``draws_lots``: the room is closed until then, and draws lots. ``sold`` seats of each
    performance are bought by the sample buyers and ``held`` are held. ``moved_by_days`` and
    ``cancelled_because`` happen after that. ``plays_today``: one more performance begins in six
    hours, and its doors are open.
    """

    slug: str
    title: str
    title_en: str
    artist: str
    venue: str
    venue_en: str
    address: str
    description: str
    colour: ShowColour
    blocks: Sequence[Block]
    days: Sequence[int]
    hour: int
    minutes: int = 120
    minimum_age: int = 0
    notice: str = ""
    notice_en: str = ""
    capacity: int = 100
    purchase_limit: int = 4
    opens_in_days: int = 0
    opens_in_minutes: int = 0
    draws_lots: bool = False
    sold: int = 0
    held: int = 0
    moved_by_days: int = 0
    cancelled_because: str = ""
    plays_today: bool = False
    kinds: Mapping[Seat.Kind, Sequence[str]] = field(default_factory=dict)

    @property
    def id(self) -> uuid.UUID:
        return uuid.uuid5(SEASON, self.slug)

    @property
    def is_sold_out(self) -> bool:
        """No seat is for sale, on purpose."""
        seats = sum(block.rows * block.seats_per_row for block in self.blocks)
        return self.sold >= seats or bool(self.cancelled_because)

    @property
    def map(self) -> str:
        return f"https://map.naver.com/p/search/{self.venue.replace(' ', '%20')}"


def dome() -> list[Block]:
    """20,000 seats: a floor, and two tiers of ten sections each."""
    floor = [Block(f"플로어 {name}", 20, 50, "VIP", 176_000) for name in "가나다"]
    lower = [Block(f"1층 {n}구역", 20, 40, "R", 154_000) for n in range(1, 11)]
    upper = [Block(f"2층 {n}구역", 18, 50, "S", 121_000) for n in range(1, 11)]
    return [*floor, *lower, *upper]


SHOWS = [
    Show(
        slug="dawn-choir",
        title="첫 아침의 합창",
        title_en="Songs of the First Morning",
        artist="서울청년합창단",
        venue="정동 새아침홀",
        venue_en="Saeachim Hall, Jeongdong",
        address="서울 중구 정동길 43",
        description="마흔 명의 목소리로 여는 하루. 르네상스 성가부터 새로 쓴 동요까지,"
        " 마이크 없이 홀의 울림만으로 노래합니다.",
        colour=ShowColour.TEAL,
        blocks=[
            Block("1층", 16, 30, "R", 55_000),
            Block("2층", 8, 40, "S", 33_000),
        ],
        days=[3],
        hour=19,
        minutes=80,
        sold=110,
        held=3,
    ),
    Show(
        slug="bach-alone",
        title="바흐, 무반주",
        title_en="Bach, Unaccompanied",
        artist="첼리스트 한서윤",
        venue="서촌 작은방",
        venue_en="The Small Room, Seochon",
        address="서울 종로구 자하문로 19길 7",
        description="무반주 첼로 모음곡 1번, 3번, 5번. 연주자와 두 걸음 거리에서 듣습니다.",
        colour=ShowColour.INK,
        blocks=[Block("전석", 5, 10, "R", 50_000)],
        days=[9],
        hour=20,
        minutes=75,
        minimum_age=8,
        purchase_limit=10,
        sold=50,
    ),
    Show(
        slug="storm-eve",
        title="폭풍전야",
        title_en="The Night Before the Storm",
        artist="밴드 청람",
        venue="부산 오션스테이지",
        venue_en="Ocean Hall, Busan",
        address="부산 해운대구 해변로 84",
        description="바다 앞 야외무대에서 듣는 록. 비가 오면 우비를 드립니다.",
        colour=ShowColour.PLUM,
        blocks=[Block("스탠딩", 10, 40, "R", 66_000)],
        days=[12],
        hour=18,
        sold=12,
        cancelled_because="태풍 예보로 야외 공연을 취소합니다.",
    ),
    Show(
        slug="midnight-jazz",
        title="한밤의 재즈",
        title_en="Jazz After Midnight",
        artist="김도윤 트리오",
        venue="연남 블루룸",
        venue_en="Blue Room, Yeonnam",
        address="서울 마포구 연남로 21",
        description="피아노, 베이스, 드럼. 가까이에서 듣는 쉰 석의 밤입니다."
        " 2집 〈늦은 산책〉 전곡과 앙코르 즉흥 연주를 들려드립니다.",
        colour=ShowColour.INDIGO,
        blocks=[
            Block("중앙", 1, 10, "VIP", 88_000),
            Block("홀", 2, 10, "R", 66_000),
            Block("발코니", 2, 10, "S", 44_000),
        ],
        days=[14, 15],
        hour=20,
        minutes=100,
        minimum_age=19,
        notice="음료 한 잔이 포함됩니다. 신분증을 가져오세요.\n공연 중에는 촬영할 수 없습니다.",
        notice_en="One drink is included. Please bring an ID.\nNo photos during the show.",
        capacity=20,
        sold=19,
        held=2,
    ),
    Show(
        slug="moonlight-pansori",
        title="달빛 판소리: 심청",
        title_en="Pansori by Moonlight: Simcheong",
        artist="소리꾼 이나경",
        venue="북촌 한옥마당",
        venue_en="Hanok Court, Bukchon",
        address="서울 종로구 계동길 52",
        description="소리꾼 한 사람과 고수 한 사람이 마당에서 들려주는 심청 이야기."
        " 영어 자막이 함께 나옵니다.",
        colour=ShowColour.GREEN,
        blocks=[
            Block("마당", 8, 15, "R", 44_000),
            Block("툇마루", 3, 20, "S", 33_000),
        ],
        days=[17, 18, 19],
        hour=19,
        minutes=110,
        minimum_age=7,
        sold=24,
        held=2,
        plays_today=True,
    ),
    Show(
        slug="first-snow",
        title="첫눈",
        title_en="First Snow",
        artist="하늘소년",
        venue="서울 스카이돔",
        venue_en="Seoul Sky Dome",
        address="서울 송파구 올림픽로 25",
        description="데뷔 7주년 단독 콘서트. 3년 만의 돔 공연에서 새 앨범의 모든 곡을 처음으로"
        " 들려드립니다.",
        colour=ShowColour.BLUE,
        blocks=dome(),
        days=[24],
        hour=18,
        minutes=150,
        minimum_age=7,
        notice="본인 확인 후 입장합니다. 예매자 이름과 같은 신분증을 가져오세요.\n"
        "응원봉은 공식 제품만 가지고 들어갈 수 있습니다.",
        notice_en="Admission by ID: the name must be the buyer's.\nOfficial light sticks only.",
        capacity=2_000,
        sold=160,
        held=12,
    ),
    Show(
        slug="cinema-symphony",
        title="시네마 심포니: 영화음악의 밤",
        title_en="Cinema Symphony: A Night of Film Music",
        artist="서울필름오케스트라",
        venue="한강 콘서트홀 대극장",
        venue_en="Hangang Concert Hall",
        address="서울 영등포구 여의서로 300",
        description="80인조 오케스트라가 스크린 속 명장면을 연주합니다."
        " 1부 고전 영화, 2부 한국 영화. 휴식 20분 포함 120분 공연.",
        colour=ShowColour.RED,
        blocks=[
            Block("1층 중앙", 20, 25, "VIP", 165_000),
            Block("1층 좌우", 20, 30, "R", 132_000),
            Block("2층", 15, 40, "S", 99_000),
            Block("3층", 10, 30, "A", 66_000),
        ],
        days=[30],
        hour=19,
        minimum_age=8,
        capacity=200,
        purchase_limit=6,
        sold=300,
        held=8,
        kinds={
            Seat.Kind.WHEELCHAIR: [f"1층 중앙 T-{number}" for number in (1, 3, 23, 25)],
            Seat.Kind.COMPANION: [f"1층 중앙 T-{number}" for number in (2, 4, 22, 24)],
            Seat.Kind.RESTRICTED: [
                f"2층 {row}-{number}" for row in "AB" for number in (1, 2, 39, 40)
            ],
        },
    ),
    Show(
        slug="four-am-radio",
        title="새벽 네 시의 라디오",
        title_en="Four A.M. Radio",
        artist="윤슬",
        venue="마포 새벽홀",
        venue_en="Saebyeok Hall, Mapo",
        address="서울 마포구 토정로 118",
        description="잠들지 못한 사람들을 위한 노래. 사연은 공연장에서 받습니다.",
        colour=ShowColour.VIOLET,
        blocks=[
            Block("1층", 14, 25, "R", 99_000),
            Block("2층", 10, 25, "S", 77_000),
        ],
        days=[33, 34],
        hour=20,
        minutes=110,
        minimum_age=7,
        purchase_limit=2,
        opens_in_minutes=10,
    ),
    Show(
        slug="end-of-summer",
        title="여름의 끝",
        title_en="The End of Summer",
        artist="파도소년",
        venue="난지 잔디마당",
        venue_en="Nanji Lawn",
        address="서울 마포구 한강난지로 162",
        description="돗자리를 펴고 듣는 마지막 여름 노래. 해 질 녘에 시작합니다.",
        colour=ShowColour.AMBER,
        blocks=[
            Block("앞자리", 10, 40, "R", 77_000),
            Block("잔디", 16, 50, "S", 55_000),
        ],
        days=[36],
        hour=17,
        minutes=140,
        sold=60,
        held=2,
        moved_by_days=7,
    ),
    Show(
        slug="fireworks",
        title="불꽃",
        title_en="Fireworks",
        artist="레드라인",
        venue="고척 아레나홀",
        venue_en="Arena Hall, Gocheok",
        address="서울 구로구 경인로 430",
        description="예매가 열릴 때까지 대기실에 들어온 모든 분의 순번을 추첨합니다."
        " 먼저 오려고 서두르지 않아도 됩니다.",
        colour=ShowColour.ROSE,
        blocks=[
            Block("플로어", 10, 40, "VIP", 143_000),
            Block("1층", 10, 60, "R", 121_000),
            Block("2층", 10, 100, "S", 99_000),
        ],
        days=[40, 41],
        hour=18,
        minutes=130,
        minimum_age=7,
        purchase_limit=2,
        opens_in_minutes=12,
        draws_lots=True,
    ),
    Show(
        slug="piano-poems",
        title="피아노로 쓴 시",
        title_en="Poems for Piano",
        artist="이서하",
        venue="서초 살롱",
        venue_en="Seocho Salon",
        address="서울 서초구 반포대로 30길 12",
        description="슈만, 드뷔시, 그리고 직접 쓴 열두 편의 소품. 시를 읽고 연주합니다.",
        colour=ShowColour.OLIVE,
        blocks=[Block("1층", 10, 20, "R", 60_000), Block("발코니", 2, 25, "S", 40_000)],
        days=[43],
        hour=19,
        minutes=90,
        minimum_age=8,
        opens_in_days=1,
    ),
    Show(
        slug="indie-wave",
        title="인디 웨이브: 첫 번째 물결",
        title_en="Indie Wave: The First",
        artist="다섯 팀",
        venue="성수 라이브스테이션",
        venue_en="Live Station, Seongsu",
        address="서울 성동구 연무장길 77",
        description="다섯 팀이 하룻밤에. 예매가 열리기 전부터 대기실에서 줄을 설 수 있습니다.",
        colour=ShowColour.CORAL,
        blocks=[
            Block("스탠딩", 10, 20, "R", 77_000),
            Block("지정석", 5, 20, "S", 55_000),
        ],
        days=[45],
        hour=18,
        minutes=240,
        purchase_limit=2,
        opens_in_days=7,
    ),
]
