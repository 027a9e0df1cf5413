# The helpers of these tests: nodes that end and come back with what they held, keys, the list of all
# objects, and the faults of the proxy.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../tap/lib";
use HTTP::Tiny;
use JSON::PP;
use MIME::Base64;
use StashWeaviate;
use Test::More;

my $weaviate = StashWeaviate->start(api_key => 1);
my $connect = '/v1/grpc-web/weaviate.v1.Weaviate';

is(HTTP::Tiny->new->get($weaviate->url . '/v1/schema')->{status}, 401, 'nobody comes in without the key');
my $name = StashWeaviate->unique_name('Helper');
$weaviate->create_collection({ class => $name, vectorizer => 'none', multiTenancyConfig =>
      { enabled => JSON::PP::true, autoTenantCreation => JSON::PP::true },
    properties => [ { name => 'n', dataType => ['int'] } ] });

# More than a page of the list, in two tenants.
my $id = sub { return sprintf '00000000-0000-4000-8000-%012d', $_[0] };
my @batch = map { { collection => $name, tenant => $_ % 2 ? 'odd' : 'even', uuid => $id->($_),
          properties => { nonRefProperties => { n => $_ } },
          vectorBytes => encode_base64(pack('f<*', $_, 0.1, -1e-30), '') } } 1 .. 1100;
is_deeply($weaviate->ask('POST', "$connect/BatchObjects", { objects => \@batch })->{errors}, [], 'a batch is stored');
is_deeply([ $weaviate->tenants($name) ], [ 'even', 'odd' ], 'tenants are listed');
my $compare = sub {
    my ($label) = @_;
    my $objects = $weaviate->objects($name);
    is(scalar keys %$objects, 1100, "$label: all objects are listed");
    my @wrong = grep { my $each = $objects->{ $id->($_) };
        !$each || $each->{properties}{n} != $_ || $each->{tenant} ne ($_ % 2 ? 'odd' : 'even')
          || !StashWeaviate->same_vector($each->{vectors}{''}, [ $_, 0.1, -1e-30 ]) } 1 .. 1100;
    is("@wrong", '', "$label: each with its own number, tenant and vector");
};
$compare->('at first');
$weaviate->kill;
ok(!eval { $weaviate->collection($name) }, 'after a kill nobody answers');
$weaviate->resume;
$compare->('after kill -9');
$weaviate->halt;
$weaviate->resume;
$compare->('after a clean end');

my $proxy = $weaviate->proxy;
# By POST, for HTTP::Tiny sends a GET again by itself.
my $get = sub {
    my $answer = HTTP::Tiny->new(timeout => 30)->post($proxy->url . "$connect/TenantsGet", { headers =>
          { Authorization => 'Bearer ' . $weaviate->key, 'Content-Type' => 'application/json',
            'Connect-Protocol-Version' => 1 }, content => qq({"collection":"$name"}) });
    return $answer->{status} == 599 ? 'broken' : "$answer->{status} " . ($answer->{content} eq '' ? 'empty' : 'whole');
};
is($get->(), '200 whole', 'without a rule everything is passed on');
$proxy->faults(
    { match => 'TenantsGet', do => 'status', status => 503, times => 1 },
    { match => 'TenantsGet', do => 'empty', times => 1 },
    { match => 'TenantsGet', do => 'cut', times => 1 },
    { match => 'TenantsGet', do => 'cut_after', times => 1 },
    { match => 'TenantsGet', do => 'cut_half', times => 1 },
    { match => 'TenantsGet', do => 'slow', seconds => 0.001, times => 1 });
is($get->(), $_) for '503 whole', '200 empty', 'broken', 'broken', 'broken', '200 whole', '200 whole';
is_deeply($proxy->requests,
    { status => 1, empty => 1, cut => 1, cut_after => 1, cut_half => 1, slow => 1, passed => 1 }, 'every request is counted');

is($weaviate->drop_collection($name), 200, 'a collection is dropped');
is($weaviate->collection($name), undef, '... and gone');

done_testing();
