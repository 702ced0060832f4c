#!/bin/bash
# A stage is one file, one registration line, one test, one page; the page's tables are those of `astrid stage --describe`.
cd "$(dirname "$0")/../.." || exit 1
astrid=${ASTRID_BIN:-build/worker}/astrid
bad=0
complain() { echo "$*"; bad=1; }

[ -x "$astrid" ] || { echo "$astrid is not built"; exit 1; }
registered=$(sed -n 's/^STAGE(\(.*\))$/\1/p' worker/stages/stages.def)
[ -n "$registered" ] || complain "stages.def registers nothing"

for file in worker/stages/*.c; do
    for name in $(sed -n 's/^const struct astrid_stage stage_\([a-z_]*\) .*/\1/p' "$file"); do
        grep -qx "$name" <<<"$registered" || complain "$file: stage $name is not in stages.def"
    done
done

for name in $registered; do
    [ -e "worker/stages/$name.c" ] || complain "stage $name has no worker/stages/$name.c"
    [ -e "tests/unit/test_stage_$name.c" ] || grep -rqE "stage_$name\b|stage $name\b|stage_find\(\"$name\"\)" tests/unit tests/steps tests/steps-long tests/tap 2>/dev/null ||
        complain "stage $name has no test"
    page=docs/stages/$name.md
    [ -e "$page" ] || { complain "stage $name has no page $page"; continue; }
    "$astrid" stage "$name" --describe | perl -MJSON::PP -e '
        my ($name, $page) = @ARGV;
        my $stage = decode_json(do { local $/; <STDIN> });
        my $properties = $stage->{schema}{properties};
        my (%told, $section, $bad);
        open my $in, "<", $page or die "$page: $!";
        while (<$in>) {
            $section = $1 if /^## (.*)/;
            # roles stand in the first table of the page, parameters in that of the section Parameters
            $told{roles}{$2} = 1 if /^\| (in|out) `([a-z_]+)`/;
            next unless ($section // "") eq "Parameters" && /^\| *([a-z][a-z0-9_, `]*?) *\| *(.*?) *\|/;
            my ($names, $default) = ($1, $2);
            next if $names eq "name";
            $names =~ tr/`//d;
            $told{params}{$_} = $names =~ /,/ ? "" : $default for split /, */, $names;
        }
        my $complain = sub { print "$page: @_\n"; $bad = 1 };
        for my $port (map { $_->{role} } @{$stage->{inputs}}, @{$stage->{outputs}}) {
            $complain->("role $port is missing") unless $told{roles}{$port};
        }
        for my $key (sort keys %$properties) {
            defined $told{params}{$key} or $complain->("parameter $key is missing"), next;
            my $default = $properties->{$key}{default};
            $default = !defined $default ? "" : JSON::PP::is_bool($default) ? ($default ? "true" : "false") : "$default";
            my ($said) = split / /, $told{params}{$key};
            next if !defined $said || $said eq "";
            my $equal = $said eq $default || ($said =~ /^[-0-9.e]+$/ && $default =~ /^[-0-9.e+]+$/ && $said == $default);
            $complain->("parameter $key: default \"$said\", the stage says \"$default\"") unless $equal;
        }
        $complain->("the stage has no parameter $_") for grep { !exists $properties->{$_} } sort keys %{$told{params}};
        exit($bad ? 1 : 0);' "$name" "$page" || bad=1
done
exit $bad
