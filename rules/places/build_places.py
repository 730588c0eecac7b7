#!/usr/bin/env python3
"""Writes rules/places/an_giang.yaml and rules/places/elsewhere.yaml from tables of administrative facts.

Usage: rules/places/build_places.py TABLES     (a folder with the tables that README.md names)

Same tables, same bytes. Both outputs are checked in; what people know beyond the tables (aliases, spots, names that are
also words) is in names.yaml and spots.yaml, which this script does not touch.
"""
import csv
import pathlib
import re
import sys
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
PROVINCE = "91"

# Codes of the General Statistics Office for units of before July 2025 that the tables give by name only.
OLD_DISTRICTS = {
    "89": {"Long Xuyên": 883, "Châu Đốc": 884, "An Phú": 886, "Tân Châu": 887, "Phú Tân": 888, "Châu Phú": 889,
           "Tịnh Biên": 890, "Tri Tôn": 891, "Châu Thành": 892, "Chợ Mới": 893, "Thoại Sơn": 894},
    "91": {"Rạch Giá": 899, "Hà Tiên": 900, "Kiên Lương": 902, "Hòn Đất": 903, "Tân Hiệp": 904, "Châu Thành": 905,
           "Giồng Riềng": 906, "Gò Quao": 907, "An Biên": 908, "An Minh": 909, "Vĩnh Thuận": 910, "Phú Quốc": 911,
           "Kiên Hải": 912, "U Minh Thượng": 913, "Giang Thành": 914},
}
OLD_PROVINCES = {
    "02": "Hà Giang", "06": "Bắc Kạn", "15": "Yên Bái", "17": "Hòa Bình", "24": "Bắc Giang", "26": "Vĩnh Phúc",
    "30": "Hải Dương", "34": "Thái Bình", "35": "Hà Nam", "36": "Nam Định", "44": "Quảng Bình", "49": "Quảng Nam",
    "52": "Bình Định", "54": "Phú Yên", "58": "Ninh Thuận", "60": "Bình Thuận", "62": "Kon Tum", "67": "Đắk Nông",
    "70": "Bình Phước", "74": "Bình Dương", "77": "Bà Rịa - Vũng Tàu", "80": "Long An", "82": "Tiền Giang",
    "83": "Bến Tre", "84": "Trà Vinh", "91": "Kiên Giang", "93": "Hậu Giang", "94": "Sóc Trăng", "95": "Bạc Liêu",
}
# Old districts elsewhere that are known by their bare name in An Giang; the others count only after a word of place
# or before their province. All districts of the neighbours and all cities are added to these.
KNOWN_BARE = set("""Gò Vấp;Bình Tân;Củ Chi;Hóc Môn;Thủ Đức;Nhà Bè;Cần Giờ;Bình Thạnh;Bình Chánh;Tân Bình;Phú Nhuận;
Cầu Giấy;Hoàn Kiếm;Đống Đa;Ba Đình;Hà Đông;Nam Từ Liêm;Bắc Từ Liêm;Long Biên;Tây Hồ;Gia Lâm;Đông Anh;Sóc Sơn;
Ngũ Hành Sơn;Sơn Trà;Hòa Vang;Liên Chiểu;Cẩm Lệ;Thuận An;Dầu Tiếng;Bàu Bàng;Nhơn Trạch;Trảng Bom;Long Thành;
Côn Đảo;Cai Lậy;Cái Bè;Ba Tri;Giồng Trôm;Gò Công Đông;Cần Giuộc;Cần Đước;Bến Lức;Đức Hòa;Sa Pa;Hội An""".replace("\n", "").split(";"))
NEIGHBOURS = {"Tỉnh Đồng Tháp", "Thành phố Cần Thơ", "Tỉnh Hậu Giang", "Tỉnh Cà Mau", "Tỉnh Bạc Liêu", "Tỉnh Sóc Trăng",
              "Tỉnh Vĩnh Long"}
# Bare names that are words, names of people or streets, or of a unit of ours, and so are never known bare.
NOT_BARE = set("""Vinh;Cờ Đỏ;Thanh Bình;Tân Hồng;Bình Minh;Châu Thành;Phú Tân;Tân Châu;Tân An;Phú Mỹ;Phú Lộc;Vĩnh Thạnh;
Hòa Bình;Thái Bình;Long Mỹ;Long Phú;Mỹ Xuyên;Mỹ Tú;Kế Sách;Phước Long;Bình Tân;Vĩnh Lợi;Vĩnh Châu;Phong Điền;
Phú Xuân;Thuận Hóa;Hoa Lư;Thuận An;Long Hồ;Cao Bằng;Năm Căn;Thới Bình;Tam Nông;Ngã Năm;Ngã Bảy;Hồng Dân;
Vị Thủy;Thái Nguyên""".replace("\n", "").split(";"))
NOT_BARE_KEPT = {("Bình Tân", "Thành phố Hồ Chí Minh"), ("Vĩnh Châu", "Tỉnh Sóc Trăng")}

# Districts that were merged away before the tables begin and are still named.
GONE_DISTRICTS = [("Thành phố Hồ Chí Minh", "Quận 2"), ("Thành phố Hồ Chí Minh", "Quận 9"), ("Thành phố Hồ Chí Minh", "Quận Thủ Đức"),
                  ("Thành phố Hà Nội", "Huyện Từ Liêm"), ("Thành phố Hà Nội", "Thành phố Hà Tây"),
                  ("Tỉnh Bà Rịa - Vũng Tàu", "Huyện Tân Thành"), ("Tỉnh Thanh Hóa", "Huyện Tĩnh Gia")]

# The two communes Thạnh Lộc stand in the tables with each other's unit of today: that of Châu Thành went to today's
# Thạnh Lộc with the three Mong Thọ, that of Giồng Riềng to Thạnh Hưng with its neighbours.
NOW = {"30901": "30886", "30913": "30910"}

DISTRICT_TYPES = ("Thành phố", "Thị xã", "Huyện", "Quận")
UNIT_TYPES = ("Phường", "Xã", "Thị trấn", "Đặc khu")
# The tone on the old place (hoà) and on the new one (hòa) is one name.
NEW_TONE = {"oà": "òa", "oá": "óa", "oả": "ỏa", "oã": "õa", "oạ": "ọa", "oè": "òe", "oé": "óe", "oẻ": "ỏe", "oẽ": "õe",
            "oẹ": "ọe", "uỳ": "ùy", "uý": "úy", "uỷ": "ủy", "uỹ": "ũy", "uỵ": "ụy"}


def read(folder, name):
    with open(folder / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def key(name):
    name = unicodedata.normalize("NFC", name).lower().strip()
    for old, new in NEW_TONE.items():
        name = re.sub(f"(?<!q){old}(?![a-zà-ỹ])", new, name)
    return " ".join(name.replace("-", " ").split())


def ascii_slug(text):
    text = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    text = "".join(c for c in text if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")


def split_type(full, types):
    for kind in types:
        if full.startswith(kind + " "):
            return kind.lower(), full[len(kind) + 1:].strip()
    raise SystemExit(f"{full!r}: no type of {types}")


def scalar(text):
    plain = re.fullmatch(r"[^\W\d][\w ]*", text) and text.lower() not in ("no", "yes", "on", "off", "true", "false", "y", "n")
    return text if plain else '"' + text.replace('"', '\\"') + '"'


def entry(**fields):
    parts = []
    for name, value in fields.items():
        if value is None or value is False or value == 0 or value == []:
            continue
        name = name.rstrip("_")
        if value is True:
            text = "true"
        elif isinstance(value, int):
            text = str(value)
        else:
            text = scalar(value)
        parts.append(f"{name}: {text}")
    return "  - {" + ", ".join(parts) + "}\n"


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    ours = read(folder, "an_giang_communes.tsv")
    our_old = read(folder, "an_giang_old_to_new.tsv")
    quarters = read(folder, "long_xuyen_khom.tsv")
    units = read(folder, "vn_communes_2026.tsv")
    provinces = read(folder, "vn_provinces_2026.tsv")
    old_units = [row for row in read(folder, "vn_old_to_new.tsv") if row["old_ward"] and row["old_district"]]

    # Who elsewhere bears a name, once for each place: units of today, old units that lie in none of the same name, old districts.
    bearers = {}
    for row in units:
        if row["province_code"] != PROVINCE:
            bearers.setdefault(key(row["name"]), set()).add((row["province_code"], row["code"]))
    our_provinces = ("Tỉnh An Giang", "Tỉnh Kiên Giang")
    for row in old_units:
        if row["old_province"] in our_provinces:
            continue
        name = key(split_type(row["old_ward"], UNIT_TYPES)[1])
        if name != key(split_type(row["new_unit"], UNIT_TYPES)[1]):
            bearers.setdefault(name, set()).add((row["old_province"], row["old_code"]))
        district = key(split_type(row["old_district"], DISTRICT_TYPES)[1])
        bearers.setdefault(district, set()).add((row["old_province"], district))

    def namesakes(name):
        return len(bearers.get(key(name), ()))

    header = "# Written by build_places.py from administrative tables (see README.md); edit names.yaml or spots.yaml instead.\n"
    out = [header, f'province: "{PROVINCE}"\n', "places:\n"]
    out.append(entry(code=PROVINCE, level="province", type="tỉnh", name="An Giang"))
    out.append(entry(code="old:91", level="province", type="tỉnh", name="Kiên Giang", in_=PROVINCE, now=PROVINCE, until="2025-07-01"))
    for old_province, districts in OLD_DISTRICTS.items():
        types = {}
        for row in our_old:
            kind, name = split_type(row["old_district"], DISTRICT_TYPES)
            if row["old_province"] == ("Tỉnh An Giang" if old_province == "89" else "Tỉnh Kiên Giang"):
                types[name] = kind
        assert set(types) == set(districts), (set(types) ^ set(districts))
        for name, code in districts.items():
            seat = [row["code"] for row in ours if key(row["name"]) == key(name)
                    and row["old_province"] == ("Tỉnh An Giang" if old_province == "89" else "Tỉnh Kiên Giang")]
            out.append(entry(code=f"old:{code}", level="district", type=types[name], name=name,
                             in_="old:91" if old_province == "91" else PROVINCE, now=seat[0] if seat else PROVINCE,
                             until="2025-07-01", namesakes=namesakes(name)))
    for row in ours:
        out.append(entry(code=row["code"], type=row["type"].lower(), name=row["name"], in_=PROVINCE, from_="2025-07-01",
                         namesakes=namesakes(row["name"])))
    for row in our_old:
        kind, name = split_type(row["old_ward"], UNIT_TYPES)
        district = split_type(row["old_district"], DISTRICT_TYPES)[1]
        code = OLD_DISTRICTS["89" if row["old_province"] == "Tỉnh An Giang" else "91"][district]
        # A unit whose code the tables do not have is named by its district and name.
        old_code = row["old_code"] or f"{code}/{ascii_slug(name)}"
        out.append(entry(code=f"old:{old_code}", type=kind, name=name, in_=f"old:{code}",
                         now=NOW.get(old_code, row["new_code"]), until="2025-07-01", namesakes=namesakes(name)))
    seen = set()
    for row in quarters:
        name = (row["khom"] or "").strip()
        if not name.startswith("Khóm ") or (row["ward_code"], name) in seen:
            continue
        seen.add((row["ward_code"], name))
        out.append(entry(code=row["ward_code"] + "/" + ascii_slug(name), type="khóm", name=name[5:], in_=row["ward_code"], unverified=True))
    (HERE / "an_giang.yaml").write_text("".join(out), encoding="utf-8")

    out = [header, "# Places outside the area served: what is named here and nothing of ours makes a post `elsewhere`.\n", "places:\n"]
    by_name = {}
    for row in provinces:
        by_name[key(row["name"])] = row["code"]
        if row["code"] != PROVINCE:
            kind = row["full_name"][: len(row["full_name"]) - len(row["name"])].strip().lower()
            out.append(entry(code=row["code"], level="province", type=kind, name=row["name"]))
    # An old province went where most of its units went.
    went = {}
    for row in old_units:
        name = key(re.sub("^(Tỉnh|Thành phố) ", "", row["old_province"]))
        target = by_name[key(re.sub("^(Tỉnh|Thành phố) ", "", row["new_province"]))]
        went.setdefault(name, {}).setdefault(target, 0)
        went[name][target] += 1
    for code, name in OLD_PROVINCES.items():
        if name == "Kiên Giang":
            continue
        targets = went[key(name)]
        target = max(sorted(targets), key=targets.get)
        by_name[key(name)] = "old:" + code
        out.append(entry(code="old:" + code, level="province", type="tỉnh", name=name, in_=target, until="2025-07-01"))

    districts = sorted({(row["old_province"], row["old_district"]) for row in old_units if row["old_province"] not in our_provinces})
    written = set()
    for province, full in districts + GONE_DISTRICTS:
        kind, name = split_type(full, DISTRICT_TYPES)
        parent = by_name[key(re.sub("^(Tỉnh|Thành phố) ", "", province))]
        if name.isdigit():
            slug, bare = f"quan-{name}", False
        else:
            slug = ascii_slug(name)
            if kind == "thành phố" and key(name) in by_name:
                continue  # The province's own name stands for its city, too.
            bare = (kind == "thành phố" or name in KNOWN_BARE or province in NEIGHBOURS) and (
                name not in NOT_BARE or (name, province) in NOT_BARE_KEPT)
        if (parent, slug) in written:
            continue
        written.add((parent, slug))
        out.append(entry(code=f"{parent if parent.startswith('old:') else 'old:p' + parent}/{slug}", level="district", type=kind, name=name, in_=parent,
                         until="2025-07-01", typed_only=name.isdigit(), namesakes=0 if bare or name.isdigit() else 1))
    our_names = {key(row["name"]) for row in ours} | {key(split_type(row["old_ward"], UNIT_TYPES)[1]) for row in our_old}
    for row in units:
        if row["province_code"] == PROVINCE or key(row["name"]) in our_names or key(row["name"]) in by_name:
            continue
        out.append(entry(code=row["code"], type=row["type"].lower(), name=row["name"], in_=row["province_code"], typed_only=True))
    (HERE / "elsewhere.yaml").write_text("".join(out), encoding="utf-8")


if __name__ == "__main__":
    main()
