// What runs of one graph cost by how they are run, and which way is the fastest for those that wait.
#pragma once

#include <map>
#include <utility>

namespace ipa {

// Seconds. A run that takes longer fills the cores.
constexpr double default_long_run = 0.25;

// How programs whose graphs are alike are run.
struct RunMode {
  int copies = 1;   // programs that run as one
  int threads = 1;  // that work on it
  bool operator<(const RunMode& other) const {
    return std::pair(copies, threads) < std::pair(other.copies, other.threads);
  }
};

// What there is to choose from.
struct RunChoice {
  int threads = 1;      // of the engine
  int busy = 0;         // of them, that work on something else now
  int waiting = 1;      // programs, this one included
  int alike = 1;        // of them, that could run as one with it
  int most_copies = 8;  // at most
  double long_run = default_long_run;
};

class RunProfile {
 public:
  // Every way is tried before it is judged, but for what runs long: there the cores are busy as it is, so that company
  // only makes everyone wait longer. A way other than one by one with all threads has to be faster by a twentieth.
  RunMode choose(const RunChoice& choice) const;
  void record(const RunMode& mode, double seconds) noexcept;
  // Runs as one never work for this graph.
  void never_merge() { merges_ = false; }

 private:
  struct Sample {
    int runs = 0;
    double seconds = 0;
  };
  double seconds(const RunMode& mode) const;
  bool is_known(const RunMode& mode) const;

  std::map<RunMode, Sample> samples_;
  bool merges_ = true;
};

}  // namespace ipa
