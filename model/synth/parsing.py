"""The classes of the parsing map."""

PARSING = (
    "background",
    "skin",
    "brows",
    "eyes",
    "eyeglasses",
    "ears",
    "mouth",
    "lips",
    "neck",
    "cloth",
    "hair",
    "hat",
    "beard",
)
"""Names of the values 0 to 12. The nose belongs to the skin; "mouth" is the open space between the lips."""

(IN_BACKGROUND, IN_SKIN, IN_BROWS, IN_EYES, IN_EYEGLASSES, IN_EARS, IN_MOUTH) = range(7)
(IN_LIPS, IN_NECK, IN_CLOTH, IN_HAIR, IN_HAT, IN_BEARD) = range(7, 13)
