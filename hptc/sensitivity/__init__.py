"""How an answer moves when the numbers that it rests on move over their ranges.

Every range of a target is put to its low and to its high end, one at a time, then all together to
the ends that are good, or bad, for the answer. Two questions are asked each time: what becomes of
the answer if it was built and the number was wrong (*kept*), and what would have been decided had
the number been known (*resolved*). `study` asks them, `report` puts the outcomes in order.
"""
