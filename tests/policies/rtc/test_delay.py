from gambol.policies.rtc.delay import Waits, expected, measured


def test_the_longest_of_the_last_ten_but_not_of_the_first_two():
    waits = Waits()
    for slow in (50, 40):
        waits = measured(waits, slow)
        assert expected(waits, first=2, most=6) == 2
    for taken in (4, *[1] * 9):
        waits = measured(waits, taken)
        assert expected(waits, first=2, most=6) == 4
    waits = measured(waits, 1)
    assert expected(waits, first=2, most=6) == 1
    assert expected(measured(waits, 99), first=2, most=6) == 6


def test_it_never_expects_more_than_can_be_bridged():
    assert expected(Waits(), first=2, most=1) == 1
    assert expected(Waits(), first=2, most=0) == 0
