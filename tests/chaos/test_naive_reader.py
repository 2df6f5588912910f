"""The control of the feed: beside followers that use it, one that polls an identity column as many systems do. Under several
writers it must skip, or the load here would show nothing about those who do not."""

import random
import threading
import time

from rig.faults import seeded
from rig.world import assert_clean
from support.daemon import wait_until

WRITERS = 6


class NaiveLog:
    """A table that writers append to, each in transactions of its own, and a reader of `id > cursor`."""

    def __init__(self, database, seed):
        self.database = database
        database.execute("CREATE TABLE public.naive (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, writer integer)")
        self.ending = threading.Event()
        self.seen = []
        self.threads = [threading.Thread(target=self._write, args=(n, random.Random(f"{seed} {n}")), daemon=True) for n in range(WRITERS)]
        self.threads.append(threading.Thread(target=self._read, daemon=True))

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        """The ids that were stored, and those that the reader saw by the end."""
        self.ending.set()
        for thread in self.threads:
            thread.join(30)
        stored = [n for (n,) in self.database.rows("SELECT id FROM public.naive ORDER BY id")]
        return stored, self.seen

    def _write(self, number, rng):
        connection = self.database.connect(autocommit=False)
        with connection.cursor() as cursor:
            while not self.ending.is_set():
                cursor.execute("INSERT INTO public.naive (writer) VALUES (%s)", (number,))
                time.sleep(rng.uniform(0, 0.02))  # whatever else its transaction does
                connection.commit() if rng.random() < 0.9 else connection.rollback()
        connection.close()

    def _read(self):
        connection = self.database.connect()
        cursor = connection.cursor()
        while not self.ending.is_set():
            cursor.execute("SELECT id FROM public.naive WHERE id > %s ORDER BY id", (self.seen[-1] if self.seen else 0,))
            self.seen += [n for (n,) in cursor.fetchall()]
            time.sleep(0.005)
        connection.close()


def test_who_polls_an_identity_column_skips_and_who_follows_the_feed_does_not(world, postgres):
    seed = seeded("naive reader")
    with world(postgres, seed, daemons=2, posters=6) as one:
        naive = NaiveLog(one.database, seed).start()
        wait_until(lambda: len(naive.seen) >= 300, 60, "300 rows at the naive reader")
        one.load.wait_for(500)
        stored, seen = naive.stop()
        skipped = [n for n in stored if n < seen[-1] and n not in set(seen)]
        print(f"the naive reader skipped {len(skipped)} of {len(stored)}")
        assert skipped, "the control must skip"
        assert_clean(one.check(), one.daemons)
        assert all(follower.seen for follower in one.followers)
