# A real Weaviate for tests in Perl, and what it holds.
#
#   use StashWeaviate;
#   my $weaviate = StashWeaviate->start;                        # or (nodes => 3), (api_key => 1)
#   my $proxy = $weaviate->proxy;                               # see test/weaviate/fault_proxy.py
#   $proxy->faults({ match => 'BatchObjects', do => 'status', status => 503, times => 2 });
#   $weaviate->kill(2); $weaviate->resume(2); $weaviate->change_key;
#   my $objects = $weaviate->objects('Doc');                    # id => { properties, vectors, tenant }
#
# Servers and proxies end with the test, whatever happens to it. start() skips the whole test where
# the server cannot be had. With STASH_TEST_WEAVIATE_URL (and _KEY) the server there is used when the
# test wants a single node that it does not stop; give collections names from unique_name().
package StashWeaviate;

use strict;
use warnings;

use HTTP::Tiny;
use IPC::Open2;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $script = "$ENV{STASH_TREE}/scripts/weaviate";
my $json = JSON::PP->new->utf8->allow_nonref;
my @ours;

# Options: nodes (1 or 3), api_key (the server wants one), own (the test will stop it).
sub start
{
    my ($class, %options) = @_;
    my $self = bless { nodes => $options{nodes} // 1 }, $class;
    if ($ENV{STASH_TEST_WEAVIATE_URL} && $self->{nodes} == 1 && !$options{own} && !$options{api_key})
    {
        $self->{urls} = [ $ENV{STASH_TEST_WEAVIATE_URL} ];
        $self->{key} = $ENV{STASH_TEST_WEAVIATE_KEY} // '';
        return $self;
    }
    my $error = `$script build 2>&1 >/dev/null`;
    plan(skip_all => "no Weaviate: $error") if $? >> 8 == 77;
    $self->{folder} = tempdir_short() . '/weaviate';
    push @ours, $self;
    my $urls = $self->_run($self->{nodes} == 3 ? 'cluster' : 'start', $options{api_key} ? '--api-key' : ());
    $self->{urls} = [ split /\n/, $urls ];
    chomp($self->{key} = $self->_run('key'));
    return $self;
}

sub _run
{
    my ($self, $verb, @more) = @_;
    my $out = `$script $verb $self->{folder} @more`;
    die "scripts/weaviate $verb failed" if $?;
    return $out;
}

sub url { return $_[0]{urls}[ ($_[1] // $_[0]{from} // 1) - 1 ] }
# The node that calls and lists go to from now on.
sub ask_node { $_[0]{from} = $_[1]; return }
sub key { return $_[0]{key} }
sub log { return "$_[0]{folder}/node" . ($_[1] // 1) . '/log' }
sub kill { return $_[0]->_run('kill', $_[1] // 1) }
sub halt { return $_[0]->_run('halt', $_[1] // 1) }
sub resume { return $_[0]->_run('resume', $_[1] // 1) }

# Restarts a single node with another key; the old one is refused from then on.
sub change_key
{
    my ($self) = @_;
    $self->halt;
    $self->{key} = join '', map { sprintf '%02x', int rand 256 } 1 .. 16;
    append_to_file("$self->{folder}/key.new", $self->{key});
    rename "$self->{folder}/key.new", "$self->{folder}/key" or die $!;
    $self->resume;
    return;
}

sub stop
{
    my ($self) = @_;
    $self->_run('stop') if $self->{folder};
    return;
}

# A name for a collection that no other test of a shared server has.
sub unique_name { return sprintf '%s_%d_%06x', $_[1], $$, int rand 1 << 24 }

# (status, decoded body) of a call; dies when the server cannot be reached.
sub call
{
    my ($self, $method, $path, $body) = @_;
    my %headers = ('Content-Type' => 'application/json');
    $headers{Authorization} = "Bearer $self->{key}" if $self->{key};
    $headers{'Connect-Protocol-Version'} = 1 if $path =~ /grpc-web/;
    my $answer = HTTP::Tiny->new(timeout => 60)->request($method, $self->url . $path,
        { headers => \%headers, defined $body ? (content => $json->encode($body)) : () });
    die "$method $path: $answer->{content}" if $answer->{status} == 599;
    my $decoded = eval { $json->decode($answer->{content}) } // $answer->{content};
    return ($answer->{status}, $decoded);
}

# The body of a call that must succeed.
sub ask
{
    my ($self, @call) = @_;
    my ($status, $body) = $self->call(@call);
    die "$call[0] $call[1]: $status " . $json->encode($body) if $status >= 300;
    return $body;
}

sub create_collection { return $_[0]->ask('POST', '/v1/schema', $_[1]) }
sub drop_collection { return ($_[0]->call('DELETE', "/v1/schema/$_[1]"))[0] }
sub collection { my ($status, $body) = $_[0]->call('GET', "/v1/schema/$_[1]"); return $status == 200 ? $body : undef }

# Names of a collection's tenants, sorted; () when it has none.
sub tenants
{
    my ($self, $collection) = @_;
    my $class = $self->ask('GET', "/v1/schema/$collection");
    return () if !$class->{multiTenancyConfig}{enabled};
    return sort map { $_->{name} } @{ $self->ask('GET', "/v1/schema/$collection/tenants") };
}

# Every object of a collection, of all tenants: id => { properties, vectors, tenant }. `vectors` are by
# name, '' for the unnamed one; their values are those of float32.
sub objects
{
    my ($self, $collection) = @_;
    my $class = $self->ask('GET', "/v1/schema/$collection");
    my @tenants = $class->{multiTenancyConfig}{enabled} ? $self->tenants($collection) : (undef);
    my %objects;
    for my $tenant (@tenants)
    {
        my $after = '';
        while (1)
        {
            my $path = "/v1/objects?class=$collection&limit=500&include=vector&after=$after";
            $path .= "&tenant=$tenant" if defined $tenant;
            my $page = $self->ask('GET', $path)->{objects};
            last if !@$page;
            for my $each (@$page)
            {
                my %vectors = %{ $each->{vectors} // {} };
                $vectors{''} = $each->{vector} if $each->{vector};
                die "$each->{id} is there twice" if $objects{ $each->{id} };
                $objects{ $each->{id} } =
                  { properties => $each->{properties}, vectors => \%vectors, tenant => $tenant };
            }
            $after = $page->[-1]{id};
        }
    }
    return \%objects;
}

# Whether two lists of numbers are the same float32 values.
sub same_vector
{
    my ($class, $a, $b) = @_;
    return pack('f*', @$a) eq pack('f*', @$b);
}

# A proxy before node N that injects faults; its url() is for the client under test.
sub proxy
{
    my ($self, $number) = @_;
    my $proxy = bless {}, 'StashWeaviate::Proxy';
    $proxy->{pid} = open2($proxy->{out}, $proxy->{in}, 'python3',
        "$ENV{STASH_TREE}/test/weaviate/fault_proxy.py", $self->url($number));
    chomp($proxy->{url} = readline $proxy->{out});
    push @ours, $proxy;
    return $proxy;
}

sub tempdir_short { return PostgreSQL::Test::Utils::tempdir_short() }

END
{
    my $status = $?;
    $_->stop for @ours;
    $? = $status;
}

package StashWeaviate::Proxy;

sub url { return $_[0]{url} }

# Replaces all rules, and counts from nothing; without a rule, everything is passed on.
sub faults
{
    my ($self, @rules) = @_;
    my $answer = HTTP::Tiny->new->put("$self->{url}/__faults", { content => $json->encode(\@rules) });
    die "the proxy does not take its faults" if $answer->{status} != 200;
    return;
}

# What became of the requests since: { passed => n, status => n, … }.
sub requests
{
    my ($self) = @_;
    return $json->decode(HTTP::Tiny->new->get("$self->{url}/__requests")->{content});
}

sub stop
{
    my ($self) = @_;
    if ($self->{pid}) { kill 'TERM', $self->{pid}; waitpid $self->{pid}, 0; delete $self->{pid} }
    return;
}

1;
