/* Times commands as whole processes, by turns: spawn ROUNDS TIMES COMMAND.. Each command is one
 * argument, in which spaces separate words. For each it prints the median of the rounds' medians,
 * in nanoseconds, and the most memory that it had resident, in KiB. It is small and static, since
 * what a process begins with counts as its memory until it becomes another program. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define MOST_WORDS 16

extern char **environ;

static int compare(const void *one, const void *other) {
  long long difference = *(const long long *)one - *(const long long *)other;
  return (difference > 0) - (difference < 0);
}

static long long median(long long *figures, int count) {
  qsort(figures, count, sizeof *figures, compare);
  return figures[count / 2];
}

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static long long run(char **words, const posix_spawn_file_actions_t *actions, long *resident) {
  pid_t child;
  int status;
  struct rusage usage;
  long long start = now();
  int error = posix_spawn(&child, words[0], actions, NULL, words, environ);
  if (error || wait4(child, &status, 0, &usage) < 0) {
    fprintf(stderr, "%s: %s\n", words[0], error ? strerror(error) : "lost");
    exit(1);
  }
  long long end = now();
  if (status != 0) {
    fprintf(stderr, "%s ended with %d\n", words[0], status);
    exit(1);
  }
  if (usage.ru_maxrss > *resident) *resident = usage.ru_maxrss;
  return end - start;
}

int main(int count, char **arguments) {
  if (count < 4) {
    fprintf(stderr, "usage: spawn ROUNDS TIMES COMMAND..\n");
    return 2;
  }
  int rounds = atoi(arguments[1]), times = atoi(arguments[2]), commands = count - 3;
  long long *medians = calloc((size_t)rounds * commands, sizeof *medians);
  long long *each = calloc(times, sizeof *each);
  long *resident = calloc(commands, sizeof *resident);
  char *(*words)[MOST_WORDS + 1] = calloc(commands, sizeof *words);
  for (int command = 0; command < commands; command++) {
    int word = 0;
    for (char *next = strtok(arguments[command + 3], " "); next && word < MOST_WORDS;
         next = strtok(NULL, " "))
      words[command][word++] = next;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  for (int round = 0; round < rounds; round++)
    for (int command = 0; command < commands; command++) {
      for (int time = 0; time < times; time++)
        each[time] = run(words[command], &actions, &resident[command]);
      medians[command * rounds + round] = median(each, times);
    }
  for (int command = 0; command < commands; command++)
    printf("%lld %ld\n", median(&medians[command * rounds], rounds), resident[command]);
  return 0;
}
