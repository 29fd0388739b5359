"""Whom the night learns from, and in which groups: steps that its jobs share."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 (Spark's own convention)

from batch.frames import with_subject
from persistence.learned_tables import EVERYONE


def counted(profiles: DataFrame, key: bytes) -> DataFrame:
    """`user_id` and `subject` of the users who agreed to be counted; nobody else appears anywhere."""
    agreed = profiles.where("in_statistics").select("user_id", F.col("user_id").alias("name"))
    return with_subject(agreed, key).withColumnRenamed("name", "user_id")


def agreed_to_training(profiles: DataFrame) -> DataFrame:
    """`user_id` of the users of whom others' models may learn; of nobody else a window is cut."""
    return profiles.where("in_training").select("user_id")


def sets_of(labels: DataFrame, people: DataFrame) -> DataFrame:
    """The confirmed sets of `people`, who come from `counted`; with `subject` in place of `user_id`."""
    return labels.join(people, "user_id").drop("user_id")


def in_groups(frame: DataFrame, members: DataFrame) -> DataFrame:
    """Each row of `frame`, which has a `subject`, with `cluster_id` EVERYONE, and again with its own."""
    clusters = members.select("subject", F.col("cluster_id").alias("own"))
    both = F.array_compact(F.array(F.lit(EVERYONE), F.col("own")))
    return frame.join(clusters, "subject", "left").withColumn("cluster_id", F.explode(both)).drop("own")


def sequences(sets: DataFrame) -> DataFrame:
    """`subject`, `session_id` and `exercises` in order, sets of one exercise in a row counted once."""
    in_order = F.array_sort(F.collect_list(F.struct("start_at", "exercise")))["exercise"]
    listed = sets.groupBy("subject", "session_id").agg(in_order.alias("done"))
    changes = F.filter("done", lambda done, nr: (nr == 0) | (done != F.element_at("done", nr)))
    return listed.select("subject", "session_id", changes.alias("exercises"))


def ranked(frame: DataFrame, *by: Column | str) -> DataFrame:
    """`frame` with `rank` within `cluster_id`, from 1, in the order of `by`."""
    window = Window.partitionBy("cluster_id").orderBy(*by)
    return frame.withColumn("rank", F.row_number().over(window).cast("bigint"))
