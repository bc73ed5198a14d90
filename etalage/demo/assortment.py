"""What the sample shop can sell: words for colours, materials and uses, the brands, and what a kind of product is.

The kinds themselves are listed in `goods_tech`, `goods_home` and `goods_style`. A value's canonical form is the first
English word given for it; the others are the shades and synonyms that sellers use in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a facet: its canonical name, the words sellers use for it, and its Chinese name."""

    name: str
    words: tuple[str, ...]
    chinese: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of product.

    `names` are the nouns in titles and queries, `asks` nouns that only shoppers use. `price` is a range in whole euros.
    `facets` lists what each facet may be. `series` are the letters of its model numbers ("" = it has a line name).
    `accessory_of` is the kind that it serves, `related` are neighbours a shopper may accept. `about` are sentences on
    it, `needs` are wishes that name neither it nor its synonyms. `shape` is its silhouette.
    """

    key: str
    path: tuple[str, ...]
    names: tuple[str, ...]
    asks: tuple[str, ...]
    chinese: tuple[str, ...]
    price: tuple[int, int]
    share: float
    brands: str
    series: tuple[str, ...]
    facets: Mapping[str, tuple[str, ...]]
    related: tuple[str, ...]
    accessory_of: str
    about: tuple[str, ...]
    needs: tuple[str, ...]
    shape: str


def kind(
    key: str,
    path: str,
    names: str,
    chinese: str,
    price: tuple[int, int],
    *,
    about: str,
    brands: str,
    shape: str = "",
    asks: str = "",
    share: float = 1.0,
    series: str = "",
    related: str = "",
    accessory_of: str = "",
    needs: str = "",
    **facets: str,
) -> Kind:
    """A `Kind` from its compact row: lists are joined by `|`, the category path by ` > `."""
    return Kind(
        key=key,
        path=tuple(path.split(" > ")),
        names=_split(names),
        asks=_split(asks),
        chinese=_split(chinese),
        price=price,
        share=share,
        brands=brands,
        series=tuple(series.split()),
        facets={name: _split(values) for name, values in facets.items()},
        related=tuple(related.split()),
        accessory_of=accessory_of,
        about=_split(about),
        needs=_split(needs),
        shape=shape or key,
    )


def _split(joined: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in joined.split("|") if part.strip())


def _values(table: str) -> dict[str, Value]:
    found = {}
    for row in table.strip().splitlines():
        words, _, chinese = row.strip().partition(" = ")
        value = Value(_split(words)[0], _split(words), chinese)
        found[value.name] = value
    return found


COLOURS: Final[Mapping[str, tuple[int, int, int]]] = {
    "black": (35, 35, 38),
    "white": (244, 243, 238),
    "grey": (128, 132, 138),
    "red": (196, 30, 42),
    "blue": (32, 76, 160),
    "green": (52, 120, 66),
    "yellow": (236, 190, 40),
    "pink": (232, 128, 164),
    "purple": (116, 70, 150),
    "orange": (226, 112, 36),
    "brown": (112, 70, 40),
    "beige": (214, 194, 160),
    "silver": (186, 190, 196),
    "gold": (200, 164, 82),
}
"""Canonical colour → sRGB."""

VALUES: Final[Mapping[str, Mapping[str, Value]]] = {
    "colour": _values(
        """
        black | jet black | onyx | midnight = 黑色
        white | ivory | snow white | off-white = 白色
        grey | charcoal | slate | anthracite = 灰色
        red | crimson | burgundy | scarlet | cherry = 红色
        blue | navy | cobalt | indigo | sky blue = 蓝色
        green | olive | emerald | sage | forest green = 绿色
        yellow | mustard | lemon | sunflower = 黄色
        pink | blush | rose | fuchsia = 粉色
        purple | lavender | violet | plum = 紫色
        orange | rust | terracotta | coral = 橙色
        brown | chestnut | cognac | chocolate | tan = 棕色
        beige | cream | sand | oatmeal = 米色
        silver | chrome | platinum = 银色
        gold | champagne | brass = 金色
        """
    ),
    "material": _values(
        """
        leather | genuine leather | nappa leather | cowhide = 真皮
        faux leather | PU leather | vegan leather = 人造革
        fabric | woven fabric | bouclé | textile = 布艺
        velvet | velour = 天鹅绒
        wood | solid oak | walnut | pine | acacia = 实木
        bamboo = 竹制
        metal | steel | powder-coated steel | iron = 金属
        aluminium | aluminum | alloy = 铝合金
        stainless steel | 18/10 steel | inox = 不锈钢
        cast iron | enamelled cast iron = 铸铁
        glass | tempered glass | borosilicate glass = 玻璃
        ceramic | stoneware | porcelain = 陶瓷
        plastic | polypropylene | ABS = 塑料
        silicone | soft silicone = 硅胶
        rattan | wicker | poly rattan = 藤编
        cotton | organic cotton | jersey cotton = 纯棉
        linen | washed linen | flax = 亚麻
        wool | merino | lambswool = 羊毛
        cashmere = 羊绒
        silk | mulberry silk = 真丝
        polyester | recycled polyester | microfibre = 涤纶
        denim | stretch denim = 牛仔布
        canvas | waxed canvas = 帆布
        suede | nubuck = 麂皮
        nylon | ripstop nylon | cordura = 尼龙
        down | goose down | duck down = 羽绒
        carbon | carbon fibre = 碳纤维
        rubber | natural rubber = 橡胶
        memory foam | viscoelastic foam = 记忆棉
        paper | recycled paper = 纸质
        """
    ),
    "pattern": _values(
        """
        plain | solid = 纯色
        striped | pinstriped | candy-striped = 条纹
        dotted | polka dot | spotted = 圆点
        checked | plaid | tartan | gingham = 格子
        """
    ),
    "audience": _values(
        """
        women | ladies = 女士
        men | gents = 男士
        kids | children = 儿童
        """
    ),
    "use": _values(
        """
        gaming | gamers | esports = 游戏
        office | work | business = 办公
        students | college | school = 学生
        travel | commuting | trips = 旅行
        home | everyday use | family = 家用
        running | jogging | marathon = 跑步
        hiking | trekking | the trail = 徒步
        the gym | training | fitness = 健身
        camping | the outdoors | backpacking = 露营
        winter | cold weather | snow = 冬季
        summer | hot weather | the beach = 夏季
        weddings | parties | formal evenings = 礼服
        small spaces | tiny flats | studios = 小户型
        the garden | patio | terrace = 花园
        toddlers | preschoolers = 幼儿
        beginners | first-timers = 入门
        professionals | experts | heavy duty = 专业
        sensitive skin | delicate skin = 敏感肌
        dry skin | dehydrated skin = 干性皮肤
        large dogs | big breeds = 大型犬
        small dogs | puppies = 小型犬
        cats | kittens = 猫咪
        photography | photo editing | creators = 摄影
        music | hi-fi listening | audiophiles = 音乐
        cycling | bikepacking = 骑行
        swimming | the pool = 游泳
        """
    ),
    "feature": _values(
        """
        5G | 5G ready = 5G
        dual SIM = 双卡
        fast charging | quick charge | supercharge = 快充
        noise cancelling | ANC | active noise reduction = 降噪
        waterproof | water resistant | water-repellent = 防水
        4K | ultra HD | UHD = 4K超清
        OLED | self-lit pixels = OLED
        touchscreen | touch display = 触摸屏
        backlit | RGB lighting | illuminated keys = 背光
        mechanical | tactile switches = 机械
        ergonomic | lumbar support = 人体工学
        adjustable | height adjustable = 可调节
        foldable | folding | collapsible = 可折叠
        with storage | storage compartment | hidden drawer = 带储物
        dimmable | step dimming = 可调光
        smart | app controlled | voice control = 智能
        rechargeable | cordless | battery powered = 充电式
        non-stick | easy-release coating = 不粘
        induction | all hobs = 电磁炉适用
        programmable | timer | preset start = 可编程
        quiet | low-noise | whisper silent = 静音
        bagless | cyclonic = 无尘袋
        self-cleaning | automatic rinse = 自清洁
        breathable | mesh | ventilated = 透气
        slim fit | tapered = 修身
        oversized | relaxed fit | loose = 宽松
        insulated | thermal | double-wall = 保温
        lightweight | ultralight | featherlight = 轻便
        blackout | light-blocking = 遮光
        washable | machine washable = 可机洗
        fragrance-free | unscented = 无香
        organic | natural ingredients = 天然
        hypoallergenic | anti-allergy = 防过敏
        wooden toys | made of wood = 木质
        solar | sun powered = 太阳能
        GPS | satellite tracking = GPS
        zoom | telephoto | 30x zoom = 变焦
        duplex | double-sided printing = 双面打印
        wheels | four spinner wheels | trolley = 万向轮
        """
    ),
    "connectivity": _values(
        """
        bluetooth | wireless bluetooth 5.3 | wireless = 蓝牙
        wired | cable | corded = 有线
        usb-c | type-c = USB-C
        wifi | wi-fi | wlan = 无线网络
        """
    ),
}
"""Facet → canonical value → its words. Facets that are not listed here (size, capacity) are written as they are."""

BRANDS: Final[Mapping[str, str]] = {
    "tech": "Lumo Vantor Kestrix Oryntec Nuvexa Halvion Zephtron Pikari",
    "audio": "Sonavik Aurelio Lumo Basswerk Klangor Vantor",
    "budget": "Yibexo Tronlux Gadjo Wavoxi Zenkibo",
    "house": "Brewdal Kuvanti Heimvik Solenta Vapora Crumbel",
    "furniture": "Halden Nordvale Fjellbo Casarova Timberlyn Ostra Loungeby",
    "textile": "Lindrose Veltana Wovenlea Cottara Nordvale",
    "cook": "Ferrano Kuvanti Tavolo Steelhaus Marmitta",
    "fashion": "Marelle Tindra Oakhurst Bellomi Fennwick Avenro Sorella",
    "active": "Stridon Peakara Velocita Kinetra Trailmoss Avenro",
    "bags": "Portana Wanderlo Oakhurst Trailmoss Cabinelle",
    "toys": "Puzzlino Brickaro Plushkin Wondertot Klotzi",
    "garden": "Grunhof Verdanto Bloomsby Mowtek",
    "beauty": "Florelia Dermavie Puressa Lisselle",
    "baby": "Babello Tinytrek Cribbles Wondertot",
    "pets": "Pawmira Fellino Barkwell",
    "tools": "Drillex Torkado Werkmann Hammerton",
    "paper": "Inkvale Papiro Scribena Officera",
}
"""Pool → invented brands; a brand's first letters begin its model numbers."""

LINES: Final[tuple[str, ...]] = (
    "Osby",
    "Marit",
    "Elska",
    "Torvi",
    "Linnea",
    "Sigrun",
    "Alba",
    "Vesper",
    "Juniper",
    "Calla",
    "Otto",
    "Freja",
    "Bodil",
    "Arlo",
    "Nelly",
    "Rune",
    "Saga",
    "Ivo",
    "Odette",
    "Bruno",
    "Greta",
    "Hugo",
    "Selma",
    "Tilda",
    "Viggo",
    "Wilma",
    "Yara",
    "Zita",
    "Castor",
    "Delia",
    "Enzo",
    "Flora",
    "Gaia",
    "Hazel",
    "Iris",
    "Jasper",
    "Koa",
    "Lotta",
    "Milo",
    "Nova",
)
"""Names of product lines, for goods without a model number."""

DEALS: Final[tuple[str, ...]] = ("cheap", "premium")
"""Price words: the lower and the upper third of a kind's prices."""
