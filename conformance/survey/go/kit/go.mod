module tornproof/survey/kit

go 1.22
