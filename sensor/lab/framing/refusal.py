"""The words that more than one endpoint with a UDP end counts by, beside Teredo's."""

NOT_THE_SERVER = "not-the-server"  # a datagram that another than a client's own server sent
NOT_CONNECTED = "not-connected"  # there is no tunnel yet, or none any more
NOT_ASKED = "not-asked"  # a reply to nothing that is under way
NOT_THEIRS = "source-not-theirs"  # an inner source that its sender has no right to
NOT_IPV6 = "not-ipv6"
NO_ANSWER = "no-answer"
