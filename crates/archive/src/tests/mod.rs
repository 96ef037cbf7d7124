mod damaged;
mod good;
mod hostile;
mod making;
