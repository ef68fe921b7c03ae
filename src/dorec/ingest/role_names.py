"""The names that columns have in the logs of shops, benchmarks and trackers."""

import re

NAMES = {
    "user_id": "user_id user customer_id customer visitor_id visitor household_id household member_id member "
    "client_id shopper_id buyer_id account_id reviewer_id person_id uid subscriber_id profile_id "
    "cookie_id device_id anonymous_id u customer_no customer_number household_key",
    "item_id": "item_id item product_id product sku stock_code movie_id article_id asin parent_asin goods_id "
    "news_id song_id track_id book_id isbn listing_id offer_id ad_id business_id video_id content_id "
    "upc i iid item_code",
    "event": "event event_type event_name behavior behaviour behavior_type behaviour_type action action_type "
    "type interaction interaction_type activity feedback_type",
    "timestamp": "timestamp event_time event_timestamp ts time datetime date_time transaction_timestamp "
    "invoice_date order_date purchase_date created_at occurred_at unix_review_time review_time date "
    "created time_stamp",
    "value": "value sales_value revenue amount total line_total total_price spend sales rating ratings "
    "overall stars score price paid weight",
    "session_id": "session_id session user_session basket_id basket invoice_no invoice invoice_id order_id "
    "order_no transaction_id visit_id cart_id receipt_id sid session_key",
    "position": "position pos rank slot rank_position",
    "propensity": "propensity propensity_score pscore action_prob logging_prob logging_probability probability prob",
    "policy_id": "policy_id policy logging_policy",
    "event_id": "event_id id uuid message_id log_id event_uuid hit_id",
    "quantity": "quantity qty units count_items n_items",
    "price": "unit_price price item_price",
}
LAST = {"timestamp": {"timestamp", "time", "datetime", "date", "ts"}}
OWNERS = {"user", "customer", "visitor", "household", "member", "client", "shopper", "buyer", "reviewer", "subscriber"}
THINGS = {"item", "product", "movie", "article", "goods", "song", "track", "book", "sku"}
TREATMENTS = {"treatment", "treated", "treat", "segment", "arm", "group", "variant", "variation", "version",
              "condition", "promotion", "exposed", "assignment", "qsmk"}  # fmt: skip
OUTCOMES = {"outcome", "visit", "conversion", "converted", "spend", "revenue", "sales", "purchase", "purchased",
            "click", "clicked", "retention", "response", "accepted", "profit", "y", "re78"}  # fmt: skip
_RANK = {role: {n.replace("_", ""): i for i, n in enumerate(names.split())} for role, names in NAMES.items()}


def tokens(name: str) -> list[str]:
    """The words of a column's name.

    >>> tokens("InvoiceDate"), tokens("user_id"), tokens("CustomerID")
    (['invoice', 'date'], ['user', 'id'], ['customer', 'id'])
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return [t for t in re.split(r"[^A-Za-z0-9]+", apart.lower()) if t]


def named(name: str) -> dict[str, int]:
    """The roles that a name stands for, with its rank among the names of the role (0 is the best).

    >>> named("CustomerID"), named("shop_user_id"), named("colour")
    ({'user_id': 2}, {'user_id': 100}, {})
    """
    words = tokens(name)
    plain = "".join(words)
    found = {role: ranks[plain] for role, ranks in _RANK.items() if plain in ranks}
    if found or not words:
        return found
    if words[-1] in LAST["timestamp"]:
        found["timestamp"] = 100
    if words[-1] in {"id", "key", "no"} and len(words) > 1:
        if words[-2] in OWNERS:
            found["user_id"] = 100
        if words[-2] in THINGS:
            found["item_id"] = 100
    return found
