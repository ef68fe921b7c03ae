"""Re-rankers by name, loaded on use."""

from dorec.domain.registry import Registry

REGISTRY = Registry(
    "re-ranker",
    "dorec.rerankers",
    {
        "mmr": "dorec.recommend.reranking.mmr:MMR",
        "dpp": "dorec.recommend.reranking.dpp:DPP",
        "xquad": "dorec.recommend.reranking.xquad:XQuAD",
        "calibrated": "dorec.recommend.reranking.calibration:Calibrated",
        "exposure_cap": "dorec.recommend.reranking.exposure_cap:ExposureCap",
    },
)
