"""Names of networks that a person can say and remember, beside their hashes: `1a2b3c4d…` is *brisk-heron*.

A name is a function of the architecture's hash alone, so a network has the same one in every run, table and page. Of
65,536 names two networks may share one: the hash stays beside it.
"""

from __future__ import annotations

__all__ = ["named", "speakable"]

_ADJECTIVES = """
able agile airy alert alpine amber ample ancient apt arctic ashen auburn autumn azure balmy bardic basic bold bonny
bouncy brave breezy bright brisk broad bronze bubbly burly calm candid canny careful central chatty cheery chief
chilly chosen civic classic clean clear clever cloudy coastal cobalt copper cordial cosmic cosy crafty cream crimson
crisp curious curly cyan dainty dapper daring dawn deep deft dense dewy direct downy dreamy dusky dusty eager early
earnest easy ebony elfin even exact fabled fair famed fancy fast fearless feisty fertile festive fiery final fine firm
fleet floral fluent fluffy foamy fond formal frank free fresh frosty full gallant gentle giant gifted glad gleaming
glossy golden good grand grassy great green happy hardy hasty hazy hearty hidden high hollow honest hopeful humble
hushed icy ideal indigo inland ivory jade jaunty jolly jovial joyful keen kind kingly lasting lavish leafy lean level
light lively lofty loyal lucid lucky lunar magic marble marine mellow merry mighty mild mint misty modest moonlit
mossy native neat nimble noble northern novel oaken ocean opal open orange patient peachy pearly pensive placid plain
plucky plum polar polite prime proud pure quaint quick quiet radiant rapid rare ready regal rich rosy royal ruby
rugged russet rustic sage sandy satin scarlet serene sharp shiny silent silken silver simple sleek smart smooth snowy
solar solid sonic spry stable stark steady stellar still stout sturdy subtle sunny supple sure swift teal tidy timely
tranquil trim true trusty upbeat urban valiant vast velvet verdant vivid warm wild wise witty young zesty zippy
""".split()  # noqa: SIM905 - as words they are read and checked more easily than in quotes

_NOUNS = """
acacia acorn alder alpaca antler apple apricot aspen aster badger bamboo barley basil bass bay beacon bear beaver bee
beech beetle birch bison bluebell boar bobcat bonsai bramble bream brook buck bunting burrow butterfly buzzard cactus
camel canary canyon caribou carp cat cedar cheetah cherry chestnut cicada clam cliff clover cobra cod comet condor
coot coral cougar coyote crab crane cricket crocus crow cub curlew cypress daffodil dahlia daisy deer delta dingo
dolphin dove dragonfly drake duck dune eagle echo eel egret elder elk elm ember ermine falcon fawn fern ferret fig
finch fir firefly fjord flax foal forest fox frog gannet garnet gazelle gecko geyser gibbon ginger glacier glade goat
goose gopher goshawk grouse grove gull guppy hare harrier hawk hazel heath hedgehog heron herring hickory hill holly
hornet horse hound ibex ibis iguana impala island ivy jackal jaguar jasmine jay juniper kestrel kingfisher kite kiwi
koala lagoon lake larch lark laurel lemming lemon lemur lichen lilac lily lime limpet linnet lion lizard llama lobster
locust lotus lynx magpie mallard mango manta maple marlin marmot marten meadow merlin mink minnow mole moose moss moth
mule myrtle narwhal newt nutmeg oak oasis ocelot octopus olive orca orchid oriole osprey otter owl ox panda panther
parrot peach pelican penguin peony perch petrel pheasant pigeon pike pine plover pony poplar poppy puffin puma quail
quartz rabbit raccoon raven reed reef river robin rose rowan salmon seal sequoia shark shore shrew shrike skylark
snail snipe sparrow spruce squirrel stag starling stoat stork summit swallow swan tapir tern thistle thrush
""".split()  # noqa: SIM905 - as words they are read and checked more easily than in quotes


def speakable(digest: str) -> str:
    """The name of the network with this hash (hexadecimal digits), by its last four digits: *brisk-heron*."""
    number = int(digest[-4:], 16)
    return f"{_ADJECTIVES[number >> 8]}-{_NOUNS[number & 255]}"


def named(digest: str) -> str:
    """The name and the beginning of the hash, as tables and lines show a network: *brisk-heron 1a2b3c4d*."""
    return f"{speakable(digest)} {digest[:8]}"
