"""Items of the simulated shop: what they are called, cost, how good they are and to whose taste."""

from dataclasses import dataclass

import numpy as np

from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.rng import generator

TASTES = 6  # latent dimensions that users and items share


@dataclass(frozen=True)
class Shelf:
    """A category: its typical price and the words that its titles are made of."""

    price: float
    products: tuple[str, ...]
    varieties: tuple[str, ...]
    forms: tuple[str, ...]


def _shelf(price: float, products: str, varieties: str, forms: str) -> Shelf:
    return Shelf(price, *(tuple(words.split("|")) for words in (products, varieties, forms)))


SHELVES = {
    "Tea": _shelf(
        6,
        "green tea|black tea|herbal tea|oolong tea|white tea",
        "jasmine|organic|lemon|mint|smoky",
        "loose leaf 250 g|20 bags|gift tin|80 bags",
    ),
    "Coffee": _shelf(
        9,
        "espresso beans|filter coffee|instant coffee|decaf beans",
        "dark roast|Ethiopian|Colombian|house blend|single origin",
        "250 g|500 g|1 kg|refill pack",
    ),
    "Bakery": _shelf(
        3,
        "sourdough bread|croissants|rye bread|bagels|muffins",
        "whole grain|butter|seeded|sweet|gluten-free",
        "sliced|pack of 4|large loaf|twin pack",
    ),
    "Dairy": _shelf(
        3,
        "yoghurt|cheddar|butter|milk|oat drink",
        "Greek style|mature|unsalted|low-fat|lactose-free",
        "200 g|1 litre|family pack|500 g",
    ),
    "Snacks": _shelf(
        4,
        "dark chocolate|potato crisps|roasted nuts|oat biscuits|popcorn",
        "sea salt|paprika|hazelnut|caramel|spicy",
        "100 g|sharing bag|multipack|mini bars",
    ),
    "Pantry": _shelf(
        5,
        "olive oil|basmati rice|spaghetti|tomato sauce|lentils",
        "extra virgin|wholemeal|organic|classic|sun-dried",
        "500 g|1 kg|750 ml|value pack",
    ),
    "Produce": _shelf(
        4,
        "apples|salad leaves|tomatoes|avocados|berries",
        "vine-ripened|crisp|local|ready-to-eat|mixed",
        "bag|500 g|punnet|box of 6",
    ),
    "Household": _shelf(
        7,
        "washing liquid|dish soap|kitchen towels|surface spray",
        "lavender|sensitive|ultra|eco|citrus",
        "1.5 litres|refill|6 rolls|twin pack",
    ),
    "Personal care": _shelf(
        8,
        "shampoo|hand cream|toothpaste|shower gel|sun cream",
        "aloe vera|fresh mint|repair|almond|unscented",
        "250 ml|75 ml|travel size|twin pack",
    ),
    "Pet": _shelf(
        12,
        "dog food|cat food|dog treats|cat litter",
        "chicken|salmon|grain-free|puppy|senior",
        "12 pouches|3 kg|sample bag|10 kg",
    ),
}
MAKERS = ("Northfield", "Alder & Co", "Casa Lima", "Harbour", "Greenway", "Old Mill", "Sunday", "Birch")


@dataclass(frozen=True, eq=False)
class Catalogue:
    """What is for sale; the last four fields are latent, no log shows them."""

    ids: AnyArray  # (m,) text
    title: AnyArray  # (m,) text
    category: AnyArray  # (m,) text
    price: FloatArray  # (m,)
    taste: FloatArray  # (m, TASTES)
    quality: FloatArray  # (m,)
    popularity: FloatArray  # (m,) the score by which the shop promotes it: quality in part, fashion in part
    block: IntArray  # (m,) the part of the catalogue from which one place of a slate is filled

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.ids)

    @property
    def price_level(self) -> FloatArray:
        """Log price, about mean 0 and standard deviation 1, (m,)."""
        return np.asarray((np.log(self.price) - np.log(5.5)) / 0.6)


def make_catalogue(n_items: int, n_blocks: int, seed: int) -> Catalogue:
    """The catalogue of a seed; items of a category share a taste, those of a product even more so.

    Example:
        >>> shop = make_catalogue(40, 5, seed=0)
        >>> shop.n, len(set(shop.title.tolist())), shop.taste.shape
        (40, 40, (40, 6))
    """
    rng = generator(seed, "catalogue")
    names = list(SHELVES)
    shelf = rng.permutation(np.arange(n_items) % len(names))
    product = np.array([rng.integers(len(SHELVES[names[s]].products)) for s in shelf])
    of_shelf = rng.normal(size=(len(names), TASTES))
    of_product = rng.normal(size=(len(names), 5, TASTES))
    taste = of_shelf[shelf] + 0.6 * of_product[shelf, product] + 0.4 * rng.normal(size=(n_items, TASTES))
    quality = rng.normal(size=n_items)
    typical = np.array([SHELVES[name].price for name in names])[shelf]
    return Catalogue(
        ids=np.array([f"i{i:05d}" for i in range(n_items)]),
        title=_titles(names, shelf, product, rng),
        category=np.array(names)[shelf],
        price=np.round(typical * np.exp(0.35 * rng.normal(size=n_items)), 2),
        taste=taste,
        quality=quality,
        popularity=0.6 * quality + 0.8 * rng.normal(size=n_items),
        block=rng.permutation(np.arange(n_items) % n_blocks),
    )


def _titles(names: list[str], shelf: IntArray, product: IntArray, rng: np.random.Generator) -> AnyArray:
    seen: dict[str, int] = {}
    out = []
    for s, p in zip(shelf.tolist(), product.tolist(), strict=True):
        words = SHELVES[names[s]]
        maker, variety, form = (str(rng.choice(choice)) for choice in (MAKERS, words.varieties, words.forms))
        title = f"{maker} {variety} {words.products[p]}, {form}"
        seen[title] = seen.get(title, 0) + 1
        out.append(title if seen[title] == 1 else f"{title}, batch {seen[title]}")
    return np.array(out)
