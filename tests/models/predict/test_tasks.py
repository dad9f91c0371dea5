from hypothesis import given, settings
from hypothesis import strategies as st

from models.predict.tasks import TASK_PICTURES, WINDOW_PICTURES, Answered, Task, Tasks


def answered(task):
    return Answered(text_of(*task), task.stop - task.first, task.stop - task.first)


def text_of(first, stop):
    return b"".join(b"%d\n" % number for number in range(first, stop))


@settings(max_examples=40)
@given(st.data(), st.integers(0, 40), st.integers(0, 60), st.integers(1, 4))
def test_every_picture_is_answered_once_and_in_order_whatever_the_workers_do(data, first, more, num_workers):
    tasks, taken, found = Tasks(first, first + more, num_workers), [], []
    while not tasks.are_done:
        while len(taken) < 2 * num_workers and (task := tasks.next()):
            taken.append(task)
        task = taken.pop(data.draw(st.integers(0, len(taken) - 1)))
        if data.draw(st.booleans()):
            tasks.answer(task, answered(task))
        else:  # its worker ended at one of the pictures
            culprit = data.draw(st.integers(task.first, task.stop - 1))
            tasks.answer(Task(culprit, culprit + 1), answered(Task(culprit, culprit + 1)))
            tasks.add_again(Task(task.first, culprit), Task(culprit + 1, task.stop))
        found.append(tasks.take_answers())
    assert b"".join(each.text for each in found) == text_of(first, first + more)
    assert sum(each.num_rows for each in found) == sum(each.num_errors for each in found) == more


def test_no_more_is_in_hand_than_the_window():
    tasks = Tasks(0, 10 * WINDOW_PICTURES, 2)
    taken = list(iter(tasks.next, None))
    assert taken[-1].stop == WINDOW_PICTURES
    assert {task.stop - task.first for task in taken} == {TASK_PICTURES}
    tasks.answer(taken[1], answered(taken[1]))
    assert (tasks.take_answers(), tasks.next()) == (Answered(), None)
    tasks.answer(taken[0], answered(taken[0]))
    assert tasks.take_answers().num_rows == 2 * TASK_PICTURES
    assert tasks.next() == (WINDOW_PICTURES, WINDOW_PICTURES + TASK_PICTURES)


def test_a_few_pictures_are_shared_out():
    tasks = Tasks(0, 6, 3)
    assert list(iter(tasks.next, None)) == [(number, number + 1) for number in range(6)]


def test_tasks_become_smaller_towards_the_end_and_with_many_workers():
    assert [task.stop - task.first for task in iter(Tasks(0, 100, 1).next, None)] == [50, 25, 13, 6, 3, 2, 1]
    assert Tasks(0, 10**6, 64).next() == (0, 4)
    assert Tasks(0, 10**6, 1000).next() == (0, 1)
