"""Photos annotated in tables: which columns are read as what, and what is wrong with some rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from locexp.data.photos.listing import Listing, MarkedObject, Problem
from locexp.data.photos.table import load, read
from locexp.errors import UserError
from tests.data.layouts import write
from tests.data.photos.folders import keys

CAT = MarkedObject("cat", (10, 20, 40.5, 60))


def table(*lines: str) -> bytes:
    return "\n".join(lines).encode()


HEADERS = {
    "TensorFlow": ("filename,width,height,class,xmin,ymin,xmax,ymax", "a.jpg,100,80,cat,10,20,40.5,60"),
    "VoTT": ('"image","xmin","ymin","xmax","ymax","label"', '"a.jpg",10.0,20.0,40.5,60.0,"cat"'),
    "GTSRB": ("Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId", "a.jpg;100;80;10;20;40.5;60;cat"),
    "Kaggle": ("Width,Height,Roi.X1,Roi.Y1,Roi.X2,Roi.Y2,ClassId,Path", "100,80,10,20,40.5,60,cat,a.jpg"),
    "LISA": (
        "Filename;Annotation tag;Upper left corner X;Upper left corner Y;Lower right corner X;Lower right corner Y;x",
        "a.jpg;cat;10;20;40.5;60;1",
    ),
    "OpenImages": ("ImageID,Source,LabelName,XMin,XMax,YMin,YMax", "a,xclick,cat,10,40.5,20,60"),
    "Cars": ("image,bbox_x1,bbox_y1,bbox_x2,bbox_y2,class,fname", "1,10,20,40.5,60,cat,a.jpg"),
    "sized": ("image_name\tx\ty\tw\th\tlabel", "a.jpg\t10\t20\t30.5\t40\tcat"),
    "sized boxes": ("file,width,height,bbox_x,bbox_y,bbox_width,bbox_height,name", "a.jpg,100,80,10,20,30.5,40,cat"),
    "sides": ("path|left|top|right|bottom|category_id|category_name", "a.jpg|10|20|40.5|60|9|cat"),
    "from zero": ("img,x0,y0,x1,y1,species", "a.jpg,10,20,40.5,60,cat"),
    "corners": ("id,x_min,y_min,x_max,y_max,object", "a,10,20,40.5,60,cat"),
    "centred": ("file,label,x_center,y_center,width,height", "a.jpg,cat,25.25,40,30.5,40"),
    "commas": ("file;label;x1;y1;x2;y2", "a.jpg;cat;10,0;20;40,5;60"),
    "retinanet": ("a.jpg,10,20,40.5,60,cat", ""),
    "GTSDB": ("a.jpg;10;20;40.5;60;cat", ""),
}


@pytest.mark.parametrize("name", HEADERS)
def test_usual_columns(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "pets", {"gt.csv": table(*HEADERS[name]), "images/a.jpg": b""})
    listing = read(folder)
    assert [one.objects for one in listing.images] == [(CAT,)]
    assert listing.images[0].path == folder / "images" / "a.jpg"
    assert listing.problems == ()
    assert "1 table " in listing.notes[0]
    assert listing.notes[-1] == "pets: boxes are read as edges from 0, as written."
    sized = name in ("TensorFlow", "GTSRB", "Kaggle", "sized boxes")
    assert listing.images[0].size == ((100, 80) if sized else None)


def test_columns_by_name(tmp_path: Path) -> None:
    content = table("image,file,what,kind,a,b,c,d,xmin,ymin,xmax,ymax", "7,a.jpg,cat,pet,10,20,40.5,60,0,0,1,1")
    folder = write(tmp_path / "pets", {"gt.csv": content, "a.jpg": b""})
    names = {"file": "file", "label": "What", "x1": "a", "y1": "b", "x2": "c", "y2": "d", "part": None}
    listing = read(folder, "auto", names)
    assert listing.images[0].objects == (CAT,)
    assert "read as file: file, x1: a, y1: b, x2: c, y2: d, label: what" in listing.notes[0]
    with pytest.raises(UserError, match=r"data.columns.label=waht: there is no such column; .* Did you mean 'what'\?"):
        read(folder, "auto", {"label": "waht"})
    for columns, message in (
        ({"lable": "what"}, r"data.columns.lable=what: unknown key; allowed: file, .*Did you mean 'label'\?"),
        ({"label": 3}, "data.columns.label=3: expected the name of a column, or null"),
    ):
        with pytest.raises(UserError, match=message):
            load(columns, **keys(folder))  # type: ignore[arg-type]


def test_rows_of_one_image_are_its_objects(tmp_path: Path) -> None:
    content = table(
        "file,x1,y1,x2,y2,label",
        "a.jpg,10,20,40.5,60,cat",
        "b.jpg,,,,,",
        "a.jpg,1,2,3,4,dog",
        "",
        "a.jpg,10,20,40.5,60,cat",
    )
    listing = read(write(tmp_path / "pets", {"gt.tsv": content, "a.jpg": b"", "b.jpg": b""}))
    assert [one.objects for one in listing.images] == [(CAT, MarkedObject("dog", (1, 2, 3, 4))), ()]
    assert listing.images[0].where == "gt.tsv, line 2"
    assert listing.problems == (Problem("a.jpg", "gt.tsv, line 2: an object is marked twice", "marked once"),)


def test_gtsrb_has_a_table_in_the_folder_of_each_class(tmp_path: Path) -> None:
    files: dict[str, bytes] = {"Final_Training/Readme.txt": b"", "Final_Training/more.csv": b"a,b\n1,2\n"}
    header = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"
    for label in (0, 2, 10):
        place = f"Final_Training/Images/{label:05}"
        files |= {f"{place}/00000_00000.ppm": b"", f"{place}/00000_00001.ppm": b""}
        rows = [f"00000_0000{row}.ppm;29;30;5;{label};24;25;{label}" for row in (0, 1)]
        files[f"{place}/GT-{label:05}.csv"] = table(header, *rows)
    listing = read(write(tmp_path / "gtsrb", files))
    assert listing.class_names == ("0", "2", "10")  # by number
    found = {(one.path.parent.name, one.objects[0].label, one.objects[0].box[1]) for one in listing.images}
    assert found == {("00000", "0", 0), ("00002", "2", 2), ("00010", "10", 10)}
    assert {(one.part, one.size) for one in listing.images} == {("train", (29, 30))}
    assert len(listing.images) == 6
    assert "gtsrb: 3 tables whose columns are read as file: Filename, x1: Roi.X1" in " ".join(listing.notes)
    assert "1 table without columns for a file and a box, not used: Final_Training/more.csv" in " ".join(listing.notes)


def test_labels_are_folders_where_no_column_says_them(tmp_path: Path) -> None:
    rows = table("file,x1,y1,x2,y2", "cats/a.jpg,10,20,40.5,60", "dogs/a.jpg,1,2,3,4")
    files = {"gt.csv": rows, "cats/a.jpg": b"", "dogs/a.jpg": b""}
    listing = read(write(tmp_path / "pets", files))
    assert [one.objects[0].label for one in listing.images] == ["cats", "dogs"]
    assert "without a column for the label, it is the name of the image's folder" in " ".join(listing.notes)
    files = {"gt.csv": table("file,kind,x1,y1,x2,y2", "a.jpg,cat,1,2,3,4"), "images/a.jpg": b""}
    with pytest.raises(UserError, match=r"no column for the label .*file, .*give it as data.columns.label=NAME"):
        read(write(tmp_path / "one", files))


def parts(listing: Listing) -> dict[str, str | None]:
    return {one.path.name: one.part for one in listing.images}


def test_parts(tmp_path: Path) -> None:
    header = "file,x1,y1,x2,y2,label"
    rows = {name: f"{name}.jpg,1,2,3,4,cat" for name in "abc"}
    images = {f"images/{name}.jpg": b"" for name in rows}
    expected = {"a.jpg": "train", "b.jpg": "validation", "c.jpg": "test"}
    tables = {"train_labels.csv": rows["a"], "sub/val.csv": rows["b"], "test/gt.csv": rows["c"]}
    files = {**images, **{name: table(header, row) for name, row in tables.items()}}
    assert parts(read(write(tmp_path / "tables", files))) == expected
    lines = [f"{row},{part}" for row, part in zip(rows.values(), ("TRAIN", "val", "Testing"), strict=True)]
    content = table(f"{header},split", *lines)
    assert parts(read(write(tmp_path / "column", {**images, "gt.csv": content}))) == expected
    content = table(f"{header},split", *lines, "a.jpg,5,6,7,8,cat,9")
    listing = read(write(tmp_path / "odd", {**images, "gt.csv": content}))
    assert parts(listing) == {"b.jpg": "validation", "c.jpg": "test"}
    assert listing.problems[0].problem == "gt.csv, line 5: split is '9'; expected train, validation or test"
    content = table(f"{header},usage,track", *[f"{row},{number},t{number}" for number, row in enumerate(rows.values())])
    listing = read(write(tmp_path / "other", {**images, "gt.csv": content}))
    assert set(parts(listing).values()) == {None}
    assert [one.group for one in listing.images] == ["t0", "t1", "t2"]
    folders = {f"{part}/{name}": b"" for name, part in (("a.jpg", "train"), ("b.jpg", "valid"), ("c.jpg", "test"))}
    content = table(header, *rows.values())
    assert parts(read(write(tmp_path / "folders", {**folders, "gt.csv": content}))) == expected


def test_shares_of_the_image_are_recognised(tmp_path: Path) -> None:
    content = table("file,x1,y1,x2,y2,label", "a.jpg,0.25,0,1,0.5,cat", "b.jpg,0,0,1,1,cat")
    folder = write(tmp_path / "pets", {"gt.csv": content, "a.jpg": b"", "b.jpg": b""})
    listing = read(folder)
    assert listing.images[0].objects == (MarkedObject("cat", (0.25, 0, 1, 0.5), is_relative=True),)
    assert "so they are read as shares of the image" in " ".join(listing.notes)
    with pytest.raises(UserError, match="data.origin=1: the boxes are shares of the image"):
        read(folder, 1)
    beyond = table("file,x1,y1,x2,y2,label", "a.jpg,-0.001,0,1.02,0.5,cat", "b.jpg,0,0,nan,1,cat")
    (folder / "gt.csv").write_bytes(beyond)
    assert all(image.objects[0].is_relative for image in read(folder).images)
    (folder / "gt.csv").write_bytes(table("file,x1,y1,x2,y2,label", "a.jpg,0,0,1,1,cat", "b.jpg,0,0,2,1,cat"))
    assert not read(folder).images[0].objects[0].is_relative


@pytest.mark.parametrize(
    ("header", "box"), [("x1,y1,x2,y2", (9, 19, 30, 40)), ("x,y,w,h", (9, 19, 39, 59)), ("xc,yc,w,h", None)]
)
def test_boxes_that_count_from_1(tmp_path: Path, header: str, box: tuple[float, ...] | None) -> None:
    folder = write(tmp_path / "pets", {"gt.csv": table(f"file,label,{header}", "a.jpg,cat,10,20,30,40"), "a.jpg": b""})
    if box is None:
        with pytest.raises(UserError, match="data.origin=1: the boxes are given by their centres"):
            read(folder, 1)
    else:
        assert read(folder, 1).images[0].objects[0].box == box


ROWS = {
    "words": ("b.jpg,1,2,wide,4,cat", "b.jpg", "line 3: x2 is 'wide'; expected a number"),
    "missing": ("b.jpg,1,2,,4,cat", "b.jpg", "line 3: x2 is ''"),
    "short": ("b.jpg,1,2", "b.jpg", "line 3: x2 is ''"),
    "label": ("b.jpg,1,2,3,4,", "b.jpg", "line 3: label is empty"),
    "no image": ("x/c.jpg,1,2,3,4,cat\nx/c.jpg,1,2,3,5,cat", "x/c.jpg", "line 3: there is no image x/c.jpg"),
    "no name": (",1,2,3,4,cat", "gt.csv", "line 3: no image is named"),
    "outside": ("../c.jpg,1,2,3,4,cat", "../c.jpg", "line 3: the path ../c.jpg leaves the data's folder"),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_spoilt_row_leaves_its_image_out(tmp_path: Path, name: str) -> None:
    row, file, message = ROWS[name]
    (tmp_path / "c.jpg").touch()
    content = table("file,x1,y1,x2,y2,label", "a.jpg,10,20,40.5,60,cat", row, "b.jpg,1,2,3,4,cat")
    listing = read(write(tmp_path / "pets", {"gt.csv": content, "a.jpg": b"", "b.jpg": b""}))
    left = ["a.jpg"] if file == "b.jpg" else ["a.jpg", "b.jpg"]
    assert [one.path.name for one in listing.images] == left
    (problem,) = listing.problems
    assert (problem.file, problem.action) == (file, "left out")
    assert problem.problem.startswith(f"gt.csv, {message}")


def test_nan_and_infinity_are_left_to_the_check_of_boxes(tmp_path: Path) -> None:
    content = table("file,x1,y1,x2,y2,label", "a.jpg,nan,2,inf,4,cat")
    (one,) = read(write(tmp_path / "pets", {"gt.csv": content, "a.jpg": b""})).images
    assert str(one.objects[0].box) == "(nan, 2.0, inf, 4.0)"


def test_encodings_and_line_ends(tmp_path: Path) -> None:
    text = 'file;x1;y1;x2;y2;label\r\n"a.jpg";1;2;3;4;"Gänse; grau"\r\n'
    for name in ("latin-1", "utf-8", "utf-8-sig", "utf-16"):
        folder = write(tmp_path / name, {"gt.csv": text.encode(name), "a.jpg": b""})
        assert read(folder).images[0].objects[0].label == "Gänse; grau"
        assert ("Latin-1" in " ".join(read(folder).notes)) is (name == "latin-1")


def test_tables_that_cannot_be_read(tmp_path: Path) -> None:
    long = b"file,x1,y1,x2,y2,label\na.jpg,1,2,3,4," + b"x" * 200_000
    with pytest.raises(UserError, match=r"pets/gt.csv: is not a table \(field larger than field limit"):
        read(write(tmp_path / "pets", {"gt.csv": long, "a.jpg": b""}))
    files = {"a.csv": table("file,x1,y1,x2,y2,label", "a.jpg,1,2,3,4,cat"), "a.jpg": b""}
    files["b.csv"] = table("file,x,y,w,h,label", "a.jpg,1,2,3,4,cat")
    with pytest.raises(UserError, match="have boxes of different kinds: x1, y1, width, height and x1, y1, x2, y2"):
        read(write(tmp_path / "two", files))
    with pytest.raises(UserError, match=r"none/gt.csv: is empty; expected a table"):
        read(write(tmp_path / "none", {"gt.csv": b"", "a.jpg": b""}))
    with pytest.raises(UserError, match=r"other/gt.csv: its columns are 'a, b'; .*data.columns={file:NAME,x1:NAME"):
        read(write(tmp_path / "other", {"gt.csv": b"a,b\n1,2\n", "a.jpg": b""}))
    with pytest.raises(UserError, match=r"bare/gt.csv: has no rows below its header; expected one for each object"):
        read(write(tmp_path / "bare", {"gt.csv": table("file,x1,y1,x2,y2,label"), "a.jpg": b""}))
    with pytest.raises(UserError, match="nothing says where in them the objects are: gt.txt beside them is in no form"):
        read(write(tmp_path / "spaces", {"gt.txt": b"file x1 y1 x2 y2 label\n", "a.jpg": b""}))
