"""Can these data tell? A causal graph and a query -> an estimand, or the reason why not."""

from dorec.identify.adjustment import adjustment_sets, is_valid_adjustment, why_not_valid
from dorec.identify.balke_pearl import Bounds, bounds
from dorec.identify.by_design import identify_from_covariates, identify_randomised
from dorec.identify.controls import check_controls
from dorec.identify.efficient_sets import efficient_adjustment_set
from dorec.identify.front_door import front_door_set, is_front_door_set
from dorec.identify.id_star import identify_counterfactual
from dorec.identify.ida import possible_adjustment_sets, possible_effects
from dorec.identify.identify import identify
from dorec.identify.instruments import Instrument, find_instruments, is_instrument
from dorec.identify.mediation import identify_mediation
from dorec.identify.optimal import optimal_adjustment_set
from dorec.identify.projection import latent_projection
from dorec.identify.remedy import Remedy, remedies
from dorec.identify.selection import identify_from_selected
from dorec.identify.separation import is_d_separated, open_path
from dorec.identify.surrogate_experiments import every_subset, identify_from_experiments
from dorec.identify.verify import verify

__all__ = [
    "Bounds",
    "Instrument",
    "Remedy",
    "adjustment_sets",
    "bounds",
    "check_controls",
    "efficient_adjustment_set",
    "every_subset",
    "find_instruments",
    "front_door_set",
    "identify",
    "identify_counterfactual",
    "identify_from_covariates",
    "identify_from_experiments",
    "identify_from_selected",
    "identify_mediation",
    "identify_randomised",
    "is_d_separated",
    "is_front_door_set",
    "is_instrument",
    "is_valid_adjustment",
    "latent_projection",
    "open_path",
    "optimal_adjustment_set",
    "possible_adjustment_sets",
    "possible_effects",
    "remedies",
    "verify",
    "why_not_valid",
]
