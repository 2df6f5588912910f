#include "app/commands.hpp"
#include "app/progress.hpp"
#include "app/rooms.hpp"
#include "app/with_database.hpp"
#include "base/digest.hpp"
#include "base/json.hpp"
#include "base/phone.hpp"
#include "base/text.hpp"
#include "base/time_text.hpp"
#include "pipeline/erasure.hpp"
#include "spool/visiting.hpp"
#include "store/erasure_store.hpp"

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <optional>
#include <variant>

namespace callhook::app {

namespace {

/// An option's word, or what stdin says in its place. No longer than any number or address.
std::string given(const std::string& word) {
    if (word != "-") return word;
    constexpr std::size_t longest = 1'000;
    std::string line;
    for (char c = 0; line.size() < longest && std::cin.get(c) && c != '\n';)
        line += c;
    return line;
}

/// Whom the command means, or why that cannot be told. Never repeats what was given.
std::variant<lifecycle::identifier, std::string> read_person(
    const settings& values, const erase_command& what
) {
    if (!what.email.empty()) {
        const auto who = lifecycle::email_identifier(given(what.email));
        if (who) return *who;
        return "--email is no address";
    }
    if (!what.region.empty() && !is_known_region(what.region))
        return "--region is no country's code, such as PL";
    const auto number = given(what.phone);
    auto region = what.region;
    if (region.empty()) {
        const auto& sources = values.sources;
        const bool one = std::all_of(sources.begin(), sources.end(), [&](const auto& s) {
            return s.default_region == sources.front().default_region;
        });
        const bool international = trim(number).starts_with("+");
        if (!one && !international)
            return "the sources are of several countries: give the number with +, or --region";
        region = sources.empty() ? "ZZ" : sources.front().default_region;
    }
    const auto who = lifecycle::phone_identifier(number, region);
    if (who) return *who;
    return "--phone is no telephone number";
}

/// What waits on this machine's disk for the database. After the act: whatever gets there meanwhile, the
/// sequencer looks at. What is emptied here arrives without a body.
struct spool_erasure {
    std::size_t emptied = 0;
    /// Why not all of it could be looked through; empty where it was.
    std::string trouble{};
};

spool_erasure erase_in_spool(
    const settings& values, const erase_command& what, const lifecycle::identifier& who
) {
    spool_erasure out;
    if (values.spool.directory.empty()) return out;
    const auto decoders = make_decoders(values);
    lifecycle::identifier_finder finder{who};
    std::size_t found = 0;
    const auto decide = [&](const lifecycle::delivery& d, bool exact) {
        finder.clear();
        const auto known = decoders.find(d.source);
        const auto& decoder = known == decoders.end() ? decoders.begin()->second : known->second;
        finder.set_region(decoder->region());
        if (exact)
            decoder->find_identifiers(d.body, finder);
        else
            finder.look_in(d.body);
        if (!finder.done()) return spool::fate::keep;
        ++found;
        return what.dry_run ? spool::fate::keep : spool::fate::empty;
    };
    const auto visited = spool::visit(values.spool.directory, decide);
    out.emptied = found;
    if (!visited && visited.error().code != errc::not_found) out.trouble = visited.error().message;
    if (visited && !visited->corrupt_files.empty())
        out.trouble = "corrupt files were set aside and must be removed by hand, see callhookd spool";
    return out;
}

json::object receipt_json(const store::erasure_receipt& receipt) {
    return {
        {"id", to_string(receipt.id)},
        {"kind", receipt.kind},
        {"identifier_hash", to_hex(receipt.identifier_hash)},
        {"erased_at", to_rfc3339(receipt.erased_at)},
        {"counts", parse_json(receipt.counts)}};
}

void print_counts(const json::object& counts) {
    for (const auto& [name, value] : counts) {
        std::string words{name};
        std::replace(words.begin(), words.end(), '_', ' ');
        std::cout << "  " << std::left << std::setw(20) << words << std::right << std::setw(10)
                  << json::serialize(value) << '\n';
    }
}

void print_report(
    const pipeline::erasure_report& report,
    const spool_erasure& spooled,
    const std::vector<std::string>& not_vacuumed,
    const erase_command& what
) {
    if (what.json) {
        auto out = receipt_json(report.receipt);
        if (what.dry_run) out.erase("id");
        out.emplace("dry_run", what.dry_run);
        out.emplace("looked_through", report.scanned);
        out.emplace("spooled", spooled.emptied);
        out.emplace("not_vacuumed", json::value_from(not_vacuumed));
        std::cout << json::serialize(out) << '\n';
        return;
    }
    if (what.dry_run)
        std::cout << "nothing was changed; this would be removed:\n";
    else
        std::cout << "erased at " << to_rfc3339(report.receipt.erased_at) << ", receipt "
                  << to_string(report.receipt.id) << "\n";
    print_counts(pipeline::counts_json(report.counts));
    print_counts({{"in_the_spool", spooled.emptied}});
}

}  // namespace

int erase(const settings& values, const erase_command& what) {
    const auto person = read_person(values, what);
    if (const auto* fault = std::get_if<std::string>(&person)) {
        std::cerr << "callhookd: " << *fault << '\n';
        return exit_code::usage;
    }
    return with_known_schema(values, [&] {
        const auto where = store_settings(values);
        const system_clock_source clock;
        progress_bar bar{"looking through"};
        const auto report = pipeline::erase(
            where,
            make_decoders(values),
            batch_settings(values),
            clock,
            {std::get<lifecycle::identifier>(person), what.dry_run},
            [&](std::int64_t done, std::int64_t all) { bar.show(done, all); }
        );
        bar.finish();
        const auto spooled = erase_in_spool(values, what, std::get<lifecycle::identifier>(person));
        std::vector<std::string> not_vacuumed;
        if (!what.dry_run) not_vacuumed = store::vacuum_erased(where);
        print_report(report, spooled, not_vacuumed, what);
        for (const auto& table : not_vacuumed)
            std::cerr << "callhookd: warning: " << table
                      << " could not be vacuumed; what was erased may lie in its file until it is\n";
        if (spooled.trouble.empty()) return exit_code::fine;
        std::cerr << "callhookd: the spool was not looked through, so run it again: " << spooled.trouble
                  << '\n';
        return exit_code::unavailable;
    });
}

int erasures(const settings& values, const erasures_command& what) {
    return with_database([&] {
        const auto all = store::list_erasures(store_settings(values));
        if (what.json) {
            json::array out;
            for (const auto& receipt : all)
                out.emplace_back(receipt_json(receipt));
            std::cout << json::serialize(json::object{{"erasures", std::move(out)}}) << '\n';
            return exit_code::fine;
        }
        for (const auto& receipt : all) {
            std::cout << to_string(receipt.id) << "  " << to_rfc3339(receipt.erased_at) << "  "
                      << receipt.kind << "  " << to_hex(receipt.identifier_hash) << '\n';
            print_counts(parse_json(receipt.counts).as_object());
        }
        return exit_code::fine;
    });
}

}  // namespace callhook::app
