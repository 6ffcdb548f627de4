"""Single arrays: every layout and element type, the same bits on any number of threads, and what is refused."""

import multiprocessing
import threading

import fanin
import numpy as np
import pytest


def drawn(array, call="normal(std=0.5)", **options):
    return fanin.fill(array, call, name="w", seed=9, **options)


def test_memory_with_gaps_gets_the_same_values():
    plain = drawn(np.empty((6, 8), np.float32))
    assert plain.std() == pytest.approx(0.5, rel=0.35)
    gaps = np.zeros((12, 16), np.float32)
    for view in (gaps[::2, ::2], np.empty((6, 8), np.float32, order="F"), np.empty((8, 6), np.float32).T, gaps[11:5:-1, 3:11]):
        assert drawn(view) is view and np.array_equal(view, plain)
    assert np.array_equal(drawn(np.empty((6, 8), ">f4")), plain)
    assert gaps[1::2].any() and not gaps[1:4:2].any()


def test_nothing_is_copied_where_memory_is_whole():
    array = np.zeros((64, 64), np.float32)
    address = array.ctypes.data
    part = array[32:]
    drawn(part)
    assert array.ctypes.data == address and part.base is array and array[32:].all() and not array[:32].any()


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_every_type_is_the_same_law_rounded_once(dtype):
    wide, narrow = drawn(np.empty(1000, np.float32)), drawn(np.empty(1000, dtype))
    if dtype == "float64":
        assert np.allclose(wide, narrow, rtol=1e-5)
    else:
        assert np.array_equal(wide.astype(dtype), narrow)


def test_threads_and_forks_change_nothing():
    plain = drawn(np.empty((400, 500), np.float32))
    for count in (1, 3):
        fanin.set_threads(count)
        assert np.array_equal(drawn(np.empty((400, 500), np.float32)), plain)
    arrays = [np.empty((400, 500), np.float32) for _ in range(4)]
    threads = [threading.Thread(target=drawn, args=(array,)) for array in arrays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(array, plain) for array in arrays)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(in_a_child) == plain.tobytes()
    fanin.set_threads(0)


def in_a_child():
    return drawn(np.empty((400, 500), np.float32)).tobytes()


def test_the_lock_is_released_while_values_are_made():
    # One thread counts while another fills: without the lock it gets on.
    counted, done = [0], threading.Event()

    def count():
        while not done.is_set():
            counted[0] += 1

    big = np.zeros(1 << 24, np.float32)
    thread = threading.Thread(target=count)
    thread.start()
    before = counted[0]
    drawn(big)
    during = counted[0] - before
    done.set()
    thread.join()
    assert during > 100


def test_dimensions_mean_what_is_said():
    shape, std = (64, 16, 3, 3), lambda call, **o: fanin.fill(np.empty(shape, np.float32), call, name="c", **o).std()
    assert std("he", axes="out,in,field,field") == pytest.approx((2 / 144) ** 0.5, rel=0.03)
    assert std("he", axes="out,in,field,field", facts="groups:4") == pytest.approx((2 / 144) ** 0.5, rel=0.03)
    assert std("he(fan=out)", axes="out,in,field,field", facts="groups:4") == pytest.approx((2 / 144) ** 0.5, rel=0.03)
    assert std("he(fan=out)", axes="out,in,field,field") == pytest.approx((2 / 576) ** 0.5, rel=0.03)
    assert std("torch:kaiming_normal_") == pytest.approx((2 / 144) ** 0.5, rel=0.03)
    assert std("keras:he_normal") == pytest.approx((2 / (3 * 64 * 16)) ** 0.5, rel=0.03)
    with pytest.raises(fanin.Refused, match="axes"):
        std("he")


def test_a_part_of_a_tensor_has_its_values():
    whole = drawn(np.empty((10, 6), np.float32), "orthogonal", axes="out,in")
    part = drawn(np.empty((3, 6), np.float32), "orthogonal", axes="out,in", shape=(10, 6), region=[[(4, 7)], [(0, 6)]])
    assert np.array_equal(part, whole[4:7])


def test_what_cannot_be_is_refused():
    frozen = np.empty(4, np.float32)
    frozen.flags.writeable = False
    for array, call, part in [
        (frozen, "zeros", "read-only"),
        ([1.0], "zeros", "this is a list"),
        (np.empty(4, np.int32), "normal", "i32"),
        (np.empty(4, object), "zeros", "its elements are object"),
        (np.empty(4, np.float16), "constant(value=1e6)", "the largest f16"),
        (np.empty(4, np.float32), "nromal", "Did you mean `normal`?"),
        (np.empty(4, np.float32), "normal(sdt=1)", "std"),
    ]:
        with pytest.raises((fanin.Refused, TypeError), match=part.replace("?", r"\?")):
            fanin.fill(array, call, name="w")
    assert (fanin.fill(np.empty(4, np.int32), "constant(value=3)") == 3).all()


def test_methods_are_functions_with_signatures():
    import inspect

    he = fanin.methods.he
    assert str(he(fan="out", slope=0.2)) == "he(fan=out, slope=0.2)" and str(he()) == "he"
    signature = inspect.signature(he)
    assert signature.parameters["fan"].default == "in" and signature.parameters["draw"].default == "normal"
    assert "rectifier" in he.__doc__ and "1502.01852" in he.__doc__ and ":param slope:" in he.__doc__
    assert len(fanin.methods) > 50 and "glorot" in list(fanin.methods) and fanin.methods["he"]["formula"]
    assert np.array_equal(he(fan="out")(np.empty((4, 5)), name="fc.weight"), fanin.fill(np.empty((4, 5)), "he(fan=out)", name="fc.weight"))
    assert str(fanin.call("torch:xavier_normal_", gain=2.0)) == "torch:xavier_normal_(gain=2.0)"
    with pytest.raises(fanin.Refused):
        he(fna="out")
    for name in fanin.methods:
        assert isinstance(getattr(fanin.methods, name)(), fanin.Call)


def test_explanations_are_the_programs():
    assert "arXiv:1502.01852" in fanin.explain("he") and "truncated" in fanin.explain("keras:he_normal")
    assert "auto" in fanin.recipes() and "gpt2" in fanin.recipes()
    with pytest.raises(fanin.Refused, match="no method"):
        fanin.explain("hee2x")
