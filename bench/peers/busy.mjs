// Keeps a core busy until it is killed, or whoever started it has gone.
const parent = process.ppid;
while (process.ppid === parent) {
  const end = Date.now() + 500;
  while (Date.now() < end);
}
