"""Files as cameras, de-identifiers, archives and failing disks leave them."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pillow_heif
import pydicom
import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit

from foldgrid.data.photographs import PixelReading, decode_tile, inspect_photo
from foldgrid.data.picture_files import find_hole
from foldgrid.specs.errors import PhotoError
from tests.data.small_trials import paint

TILE = 64


def square() -> Image.Image:
    return paint(3, TILE, TILE)


def refusal(path: Path) -> str:
    with pytest.raises(PhotoError) as caught:
        decode_tile(path, TILE)
    return caught.value.reason


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


# --- camera raw and other kinds of files


@pytest.mark.parametrize("tag", [{254: 1}, {50706: b"\x01\x04\x00\x00"}])
def test_a_raw_file_s_preview_is_not_the_photograph(tmp_path: Path, tag: dict[int, object]) -> None:
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for number, value in tag.items():
        directory[number] = value
        if isinstance(value, bytes):
            directory.tagtype[number] = 1
    photo = square().convert("L")
    photo.save(tmp_path / "photo.NEF", format="TIFF", tiffinfo=directory)
    assert "camera's raw file" in refusal(tmp_path / "photo.NEF")
    assert "Export it" in refusal(tmp_path / "photo.NEF")


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"FUJIFILMCCD-RAW 0201", "camera's raw file"),
        (b"II*\0\x10\0\0\0CR\x02\0", "camera's raw file"),
        (b"\0\0\0\x18ftypcrx isom", "camera's raw file"),
        (b"\0\0\0\x14ftypqt  \0\0", "QuickTime film"),
        (b"\0\0\0\x18ftypmp42", "film"),
        (b"GIF89a", "GIF"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"PK\x03\x04", "Office document"),
        (bytes(64), "begins with zeros"),
        (b"photo", "not an image of a known kind"),
    ],
)
def test_what_is_no_photograph_is_named(tmp_path: Path, start: bytes, kind: str) -> None:
    assert kind in refusal(write(tmp_path / "photo.jpg", start + bytes(300)))


def test_bmp_avif_and_heic_are_read(tmp_path: Path) -> None:
    photo = square()
    photo.save(tmp_path / "photo.bmp")
    photo.save(tmp_path / "photo.avif", quality=95)
    pillow_heif.from_pillow(photo).save(tmp_path / "photo.heic", quality=95, chroma=444)
    for name, found in (("bmp", "BMP"), ("avif", "AVIF"), ("heic", "HEIF")):
        tile = decode_tile(tmp_path / f"photo.{name}", TILE)
        assert np.abs(tile.astype(int) - np.asarray(photo)).mean() < 2, name
        assert inspect_photo(tmp_path / f"photo.{name}").format == found


# --- EXIF and other metadata


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0" + bytes(300), b"Exif\0\0garbage that is no TIFF", b"Exif\0\0II*\0"]
)
def test_a_blanked_exif_header_means_upright(tmp_path: Path, suffix: str, exif: bytes) -> None:
    path = tmp_path / f"photo.{suffix}"
    square().save(path, exif=exif, quality=100, subsampling=0, lossless=True)
    assert np.abs(decode_tile(path, TILE).astype(int) - np.asarray(square())).mean() < 2
    assert ["EXIF" in odd for odd in inspect_photo(path).oddities] == [True]


def test_a_png_may_hold_megabytes_of_text(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "<x/>" * 700_000, zip=True)
    square().save(tmp_path / "photo.png", pnginfo=text)
    assert np.array_equal(decode_tile(tmp_path / "photo.png", TILE), np.asarray(square()))


# --- 16 bits


@pytest.mark.parametrize("order", ["<", ">"])
def test_white_is_zero_in_16_bits_too(tmp_path: Path, order: str) -> None:
    values = (np.asarray(square().convert("L")).astype(np.uint16) * 257).astype(f"{order}u2")
    entries = [
        (256, TILE), (257, TILE), (258, 16), (259, 1), (262, 0),
        (273, 8), (277, 1), (278, TILE), (279, values.nbytes),
    ]  # fmt: skip
    pixels = (65535 - values).astype(f"{order}u2").tobytes()
    header = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8 + len(pixels))
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(
        struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in entries
    )
    path = write(tmp_path / "photo.tif", header + pixels + directory + bytes(4))
    if order == ">":
        # Pillow knows no such pixels.
        assert "unknown pixel mode" in refusal(path)
        return
    expected = np.asarray(square().convert("L"))
    assert np.array_equal(decode_tile(path, TILE)[..., 0], expected)


def test_planes_of_16_bits_are_refused(tmp_path: Path) -> None:
    plane = np.zeros((TILE, TILE), dtype="<u2")
    entries = [
        (256, 4, 1, TILE), (257, 4, 1, TILE), (258, 3, 3, 8), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, 3, 14), (277, 3, 1, 3), (278, 4, 1, TILE), (279, 4, 3, 26), (284, 3, 1, 2),
    ]  # fmt: skip
    head = 8 + 6 + 12 + 12
    places = struct.pack("<3I", *(head + place * plane.nbytes for place in range(3)))
    sizes = struct.pack("<3I", *(plane.nbytes,) * 3)
    start = b"II*\0" + struct.pack("<I", head + 3 * plane.nbytes)
    body = start + struct.pack("<3H", 16, 16, 16) + places + sizes + plane.tobytes() * 3
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", *entry) for entry in entries
    )
    path = write(tmp_path / "photo.tif", body + directory + bytes(4))
    assert "16-bit channels in separate planes" in refusal(path)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_twelve_bits_in_sixteen_are_scaled_as_one_study(tmp_path: Path, suffix: str) -> None:
    grey = np.asarray(square().convert("L"))
    Image.fromarray(grey.astype(np.uint16) * 16).save(tmp_path / f"photo.{suffix}")
    path = tmp_path / f"photo.{suffix}"
    assert np.array_equal(decode_tile(path, TILE, PixelReading(bits=12))[..., 0], grey)
    assert decode_tile(path, TILE).max() < 16
    assert inspect_photo(path).is_deep


def test_grey_with_a_transparent_colour_lies_on_black(tmp_path: Path) -> None:
    grey = np.full((TILE, TILE), 200, np.uint8)
    grey[:, :32] = 90
    Image.fromarray(grey).save(tmp_path / "photo.png", transparency=200)
    tile = decode_tile(tmp_path / "photo.png", TILE)
    assert tile[10, 5].tolist() == [90, 90, 90]
    assert tile[10, 60].tolist() == [0, 0, 0]


# --- disks


def jpeg(**how: object) -> bytes:
    rng = np.random.default_rng(0)
    noisy = np.asarray(paint(3, 320, 320)).astype(int) + rng.normal(0, 12, (320, 320, 3))
    stream = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=90, **how)
    return stream.getvalue()


HOW: list[dict[str, object]] = [
    {}, {"optimize": True}, {"progressive": True}, {"restart_marker_rows": 2}
]  # fmt: skip


@pytest.mark.parametrize("how", HOW)
def test_zeros_inside_a_jpeg_are_a_fault(tmp_path: Path, how: dict[str, object]) -> None:
    content = jpeg(**how)
    assert find_hole(content) is None
    middle = len(content) // 2 // 512 * 512
    for start, end in ((middle, middle + 512), (middle, middle + 4096), (middle, len(content))):
        torn = content[:start] + bytes(end - start) + content[end:]
        found = find_hole(torn)
        assert found is not None
        assert start - 3 <= found <= start
    assert "zeros in place of pixels" in refusal(write(tmp_path / "photo.jpg", torn))


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("colour", [0, 128, 255])
def test_one_colour_is_no_fault(how: dict[str, object], colour: int) -> None:
    # The black around an eye's fundus, packed as well as can be, is hundreds of zeros.
    stream = io.BytesIO()
    flat = Image.new("RGB", (3000, 3000), (colour, colour, colour))
    flat.paste(square(), (1400, 1400))
    flat.save(stream, "JPEG", **how)
    assert find_hole(stream.getvalue()) is None


def test_zeros_behind_the_picture_are_no_fault() -> None:
    assert find_hole(jpeg() + bytes(4096)) is None


# --- DICOM


def dicom(path: Path, pixels: np.ndarray, kind: str, **values: object) -> Path:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = values.pop("syntax", ExplicitVRLittleEndian)
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.4"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset = FileDataset(str(path), Dataset(), file_meta=meta, preamble=bytes(128))
    dataset.PatientName = "Nobody^At All"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    dataset.PhotometricInterpretation = kind
    dataset.BitsAllocated = dataset.BitsStored = pixels.dtype.itemsize * 8
    dataset.PixelRepresentation = 0
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    packed = values.pop("packed", None)
    dataset.PixelData = encapsulate([packed]) if packed else pixels.tobytes()
    for name, value in values.items():
        setattr(dataset, name, value)
    dataset.HighBit = dataset.BitsStored - 1
    pydicom.dcmwrite(path, dataset)
    return path


def test_one_picture_is_the_same_native_and_packed(tmp_path: Path) -> None:
    photo = square()
    rgb = np.asarray(photo)
    ybr = np.asarray(photo.convert("YCbCr"))
    jpeg_bytes, jpeg_2000 = io.BytesIO(), io.BytesIO()
    photo.save(jpeg_bytes, "JPEG", quality=98, subsampling=0)
    photo.save(jpeg_2000, "JPEG2000", irreversible=False, mct=1, no_jp2=True)
    tiles = [
        decode_tile(path, TILE).astype(int)
        for path in (
            dicom(tmp_path / "rgb.dcm", rgb, "RGB"),
            dicom(tmp_path / "ybr.dcm", ybr, "YBR_FULL"),
            dicom(tmp_path / "jpeg.dcm", rgb, "YBR_FULL_422", syntax=JPEGBaseline8Bit,
                  packed=jpeg_bytes.getvalue()),
            dicom(tmp_path / "j2k.dcm", rgb, "YBR_RCT", syntax=JPEG2000Lossless,
                  packed=jpeg_2000.getvalue()),
        )
    ]  # fmt: skip
    for tile in tiles:
        assert np.abs(tile - rgb).mean() < 2
        assert np.abs(tile - rgb).max() <= 8


def test_monochrome_goes_through_its_window(tmp_path: Path) -> None:
    values = np.linspace(0, 4095, TILE * TILE).reshape(TILE, TILE).astype(np.uint16)
    whole = decode_tile(dicom(tmp_path / "a.dcm", values, "MONOCHROME2", BitsStored=12), TILE)
    assert np.abs(whole[..., 0] - values * (255 / 4095)).max() <= 1
    window = {"BitsStored": 12, "WindowCenter": 1000, "WindowWidth": 500}
    seen = decode_tile(dicom(tmp_path / "b.dcm", values, "MONOCHROME2", **window), TILE)
    wanted = (((values.astype(float) - 999.5) / 499 + 0.5) * 255).clip(0, 255)
    assert np.abs(seen[..., 0] - wanted).max() <= 1
    inverted = decode_tile(dicom(tmp_path / "c.dcm", values, "MONOCHROME1", **window), TILE)
    assert np.abs(inverted.astype(int) + seen.astype(int) - 255).max() <= 1


def test_rescaling_comes_before_the_window(tmp_path: Path) -> None:
    values = np.full((TILE, TILE), 100, np.uint16)
    how = {"RescaleSlope": 2, "RescaleIntercept": -50, "WindowCenter": 150.5, "WindowWidth": 301}
    path = dicom(tmp_path / "a.dcm", values, "MONOCHROME2", **how)
    assert abs(int(decode_tile(path, TILE)[0, 0, 0]) - 127) <= 1


def test_of_a_dicom_file_nothing_but_pixels_is_reported(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a.dcm", np.asarray(square()), "RGB")
    facts = inspect_photo(path)
    assert (facts.format, facts.width, facts.height) == ("DICOM", TILE, TILE)
    assert "Nobody" not in repr(facts)


def test_an_encapsulation_without_a_decoder_is_named(tmp_path: Path) -> None:
    path = dicom(
        tmp_path / "a.dcm", np.asarray(square()), "RGB",
        syntax="1.2.840.10008.1.2.4.80", packed=b"\xff\xd8\xff\xf7 no pixels",
    )  # fmt: skip
    assert "JPEG-LS" in refusal(path)


def test_libtiff_writes_nothing_of_its_own(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "photo.tif"
    square().save(path, compression="tiff_lzw")
    content = bytearray(path.read_bytes())
    content[200:1200] = bytes(1000)
    assert "cannot be decoded" in refusal(write(path, bytes(content)))
    assert capfd.readouterr().err == ""
