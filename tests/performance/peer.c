/* What a client of a Unix socket costs at least: connects, asks, prints the answer. Peers of tokend
 * are such programs. peer SOCKET */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int count, char **arguments) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char answer[4096];
  if (count != 2 || strlen(arguments[1]) >= sizeof address.sun_path) return 2;
  strcpy(address.sun_path, arguments[1]);
  int line = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (line < 0 || connect(line, (struct sockaddr *)&address, sizeof address) < 0) return 1;
  if (write(line, "get api\n", 8) != 8) return 1;
  ssize_t length = read(line, answer, sizeof answer);
  if (length <= 0 || write(1, answer, length) != length) return 1;
  return 0;
}
