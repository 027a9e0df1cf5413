# What the tests of sessions share: beginning them, asking whether their tokens work, and where their
# touches stand.
package StashSession;

use strict;
use warnings;

use Exporter 'import';
use StashNode;

our @EXPORT = qw(begin_session works lives seen_at written_at wait_for_flush how_ended);

# Begins a session: begin_session($node, "'user', idle_ttl => 5", %more); returns its id and token.
sub begin_session
{
    my ($node, $arguments, %more) = @_;
    my $row = $node->safe_psql($more{database} // 'postgres',
        "SELECT id, token FROM stash.session_create($arguments)");
    return split /\|/, $row;
}

# Whether a token works: '1' or '0'. Without a touch.
sub works
{
    my ($node, $token, %more) = @_;
    return $node->safe_psql($more{database} // 'postgres',
        "SELECT count(*) FROM stash.session_get_by_token('$token', false)");
}

# Whether a session is there: '1' or '0'. Without a touch.
sub lives
{
    my ($node, $id, %more) = @_;
    return $node->safe_psql($more{database} // 'postgres',
        "SELECT count(*) FROM stash.session_get('$id')");
}

# Seconds since 1970 at which a session was last used, as its readers know it.
sub seen_at
{
    my ($node, $id) = @_;
    return $node->safe_psql('postgres', "SELECT extract(epoch FROM last_seen_at) FROM stash.session_get('$id')");
}

# The same as the tables know it; '' when they know of no touch.
sub written_at
{
    my ($node, $id) = @_;
    return $node->safe_psql('postgres',
        "SELECT extract(epoch FROM touched_at) FROM stash.session_touch WHERE id = '$id'");
}

# Waits until the tables know all that memory knows of a session.
sub wait_for_flush
{
    my ($node, $id) = @_;
    wait_until($node, "SELECT t.touched_at = (stash.session_get('$id')).last_seen_at "
          . "FROM stash.session_touch AS t WHERE t.id = '$id'");
    return;
}

# 'kind|reason|ended_by' of a session's end; '' while there is none.
sub how_ended
{
    my ($node, $id) = @_;
    return $node->safe_psql('postgres', "SELECT kind, reason, ended_by FROM stash.session_history(max_rows => 100000) AS h WHERE h.id = '$id'");
}

1;
